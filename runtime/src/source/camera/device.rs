//! Which video devices there are, and which of them somebody means.
//!
//! The system numbers devices as it finds them, so that a number means another camera after a reboot or a new plug. What
//! stays is what a device calls itself and where it is plugged in; the links in `/dev/v4l/by-id` and `by-path` are made of
//! these. A camera that was found once is found again by them, whatever number it has then.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the system shows its devices.
#[derive(Clone, Debug)]
pub struct Places {
    /// Device files: `/dev`.
    pub dev: PathBuf,
    /// What the kernel says of them: `/sys/class/video4linux`.
    pub sys: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Places { dev: "/dev".into(), sys: "/sys/class/video4linux".into() }
    }
}

/// A video device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// N of `/dev/videoN`.
    pub number: u32,
    /// The device file.
    pub path: PathBuf,
    /// What the device calls itself; empty where the kernel does not say.
    pub name: String,
    /// The hardware, as a path of the kernel's; it says where it is plugged in.
    pub hardware: Option<PathBuf>,
    /// Which of the hardware's devices this is: a webcam has one for pictures and one for what belongs to them.
    pub index: u32,
    /// The driver of the hardware.
    pub driver: String,
    /// Links that keep their meaning: those by name first, then those by place.
    pub links: Vec<PathBuf>,
}

impl Places {
    /// All video devices, by number. Not all of them are cameras.
    pub fn nodes(&self) -> Vec<Node> {
        let links = self.links();
        let mut nodes: Vec<Node> = fs::read_dir(&self.sys)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| self.node(entry.file_name().to_str()?, &links))
            .collect();
        nodes.sort_by_key(|node| node.number);
        nodes
    }

    fn node(&self, file: &str, links: &[(PathBuf, PathBuf)]) -> Option<Node> {
        let number = file.strip_prefix("video")?.parse().ok()?;
        let (sys, path) = (self.sys.join(file), self.dev.join(file));
        let read =
            |file: &str| fs::read(sys.join(file)).ok().map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string());
        let driver = fs::read_link(sys.join("device/driver")).ok();
        let driver = driver.and_then(|driver| Some(driver.file_name()?.to_string_lossy().into_owned()));
        Some(Node {
            number,
            name: read("name").unwrap_or_default(),
            hardware: fs::canonicalize(sys.join("device")).ok(),
            index: read("index").and_then(|index| index.parse().ok()).unwrap_or(0),
            driver: driver.unwrap_or_default(),
            links: links.iter().filter(|(_, target)| *target == path).map(|(link, _)| link.clone()).collect(),
            path,
        })
    }

    /// Links and the device files they lead to.
    fn links(&self) -> Vec<(PathBuf, PathBuf)> {
        let mut links = Vec::new();
        for folder in ["v4l/by-id", "v4l/by-path"] {
            let mut found: Vec<PathBuf> =
                fs::read_dir(self.dev.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            found.sort();
            links.extend(found.into_iter().filter_map(|link| Some((link.clone(), fs::canonicalize(link).ok()?))));
        }
        links
    }

    /// The device that `selection` means: a number, a path, a name or a part of one. `known` is what it was when it was
    /// found before.
    ///
    /// # Errors
    /// That there is none, and which there are.
    pub fn find(&self, selection: &str, known: Option<&Node>) -> Result<Node, String> {
        let nodes = self.nodes();
        let by_path = selection.starts_with('/');
        // A link keeps its meaning by itself; a number does not.
        let keeps = by_path && !is_numbered(selection);
        if let Some(known) = known.filter(|_| !keeps) {
            return again(&nodes, known).ok_or_else(|| "it is not there".into());
        }
        if by_path {
            return self.at(Path::new(selection), &nodes);
        }
        if let Ok(number) = selection.parse::<u32>() {
            let path = self.dev.join(format!("video{number}"));
            return self.at(&path, &nodes);
        }
        let (wanted, lower) = (selection.to_lowercase(), |node: &&Node| node.name.to_lowercase());
        let whole = nodes.iter().find(|node| lower(node) == wanted);
        // The first device of a webcam is the one for pictures.
        let found = whole.or_else(|| nodes.iter().find(|node| !wanted.is_empty() && lower(node).contains(&wanted)));
        found.cloned().ok_or_else(|| format!("no camera's name has `{selection}` in it; {}", said(&nodes)))
    }

    /// The device that a path leads to.
    fn at(&self, path: &Path, nodes: &[Node]) -> Result<Node, String> {
        let Ok(target) = fs::canonicalize(path) else {
            return Err(format!("there is no {}; {}", path.display(), said(nodes)));
        };
        let found = nodes.iter().find(|node| node.path == target).cloned();
        // The kernel's listing may be hidden, as it is from a container.
        Ok(found.unwrap_or_else(|| Node {
            number: numbered(&target).unwrap_or(0),
            path: target,
            name: String::new(),
            hardware: None,
            index: 0,
            driver: String::new(),
            links: Vec::new(),
        }))
    }
}

/// The camera that was found before: in the same place, or else the only one of its name.
fn again(nodes: &[Node], known: &Node) -> Option<Node> {
    let named = |node: &&Node| node.name == known.name && node.index == known.index;
    let in_place = nodes.iter().filter(named).find(|node| node.hardware == known.hardware);
    let mut elsewhere = nodes.iter().filter(named);
    let only = elsewhere.next().filter(|_| elsewhere.next().is_none());
    in_place.or(only).cloned().or_else(|| {
        // Without the kernel's listing there is the number alone.
        (known.hardware.is_none() && known.path.exists()).then(|| known.clone())
    })
}

fn is_numbered(path: &str) -> bool {
    numbered(Path::new(path)).is_some()
}

/// N of `videoN`.
fn numbered(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()
}

/// Which devices there are, in a few words.
fn said(nodes: &[Node]) -> String {
    if nodes.is_empty() {
        return "there are no video devices; a camera on the Pi's ribbon cable is rpicam:0".into();
    }
    let names: Vec<String> = nodes.iter().map(|node| format!("camera:{} ({})", node.number, node.name)).collect();
    format!("there are {}; `retort cameras` says which of them are cameras", names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A system with devices of a number, a name, an index and a place each.
    fn system(devices: &[(u32, &str, u32, &str)]) -> (tempfile::TempDir, Places) {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().canonicalize().unwrap();
        let places = Places { dev: base.join("dev"), sys: base.join("sys") };
        fs::create_dir_all(places.dev.join("v4l/by-id")).unwrap();
        fs::create_dir_all(&places.sys).unwrap();
        for (number, name, index, place) in devices {
            let file = format!("video{number}");
            let sys = places.sys.join(&file);
            let hardware = base.join("devices").join(place);
            fs::create_dir_all(&hardware).unwrap();
            fs::create_dir_all(&sys).unwrap();
            fs::write(sys.join("name"), format!("{name}\n")).unwrap();
            fs::write(sys.join("index"), format!("{index}\n")).unwrap();
            symlink(&hardware, sys.join("device")).unwrap();
            fs::write(places.dev.join(&file), "").unwrap();
            let link = places.dev.join("v4l/by-id").join(name.replace(' ', "_"));
            if *index == 0 && !link.exists() {
                symlink(places.dev.join(&file), link).unwrap();
            }
        }
        (root, places)
    }

    const DESK: &[(u32, &str, u32, &str)] = &[
        (10, "codec", 0, "soc/codec"),
        (1, "HD Cam", 1, "usb/1-1"),
        (0, "HD Cam", 0, "usb/1-1"),
        (2, "Pro Cam", 0, "usb/1-2"),
    ];

    #[test]
    fn cameras_are_found_by_number_path_and_name() {
        let (_root, places) = system(DESK);
        assert_eq!(places.nodes().iter().map(|node| node.number).collect::<Vec<_>>(), [0, 1, 2, 10]);
        let found = |selection: &str| places.find(selection, None).map(|node| node.number);
        assert_eq!(found("2"), Ok(2));
        assert_eq!(found("pro"), Ok(2));
        assert_eq!(found("cam"), Ok(0));
        assert_eq!(found("HD Cam"), Ok(0));
        let link = places.dev.join("v4l/by-id/Pro_Cam");
        assert_eq!(found(link.to_str().unwrap()), Ok(2));
        assert_eq!(places.find("2", None).unwrap().links, [link]);
        for wrong in ["3", "thermal", "", "/dev/v4l/by-id/none"] {
            let error = found(wrong).unwrap_err();
            assert!(error.contains("Pro Cam"), "{error}");
        }
    }

    #[test]
    fn a_camera_is_found_again_under_another_number() {
        let (_root, before) = system(DESK);
        let known = before.find("2", None).unwrap();
        // After a plug the numbers are others; the place is the same, up to where the test keeps it.
        let (root, after) =
            system(&[(0, "Pro Cam", 0, "usb/1-2"), (1, "HD Cam", 0, "usb/1-1"), (2, "HD Cam", 1, "usb/1-1")]);
        let moved =
            Node { hardware: Some(root.path().canonicalize().unwrap().join("devices/usb/1-2")), ..known.clone() };
        assert_eq!(after.find("2", Some(&moved)).unwrap().number, 0);
        // In another place it is known by its name, where that is the only one.
        assert_eq!(after.find("2", Some(&known)).unwrap().number, 0);
        let (_root, twins) = system(&[(3, "Pro Cam", 0, "usb/2-1"), (4, "Pro Cam", 0, "usb/2-2")]);
        assert!(twins.find("2", Some(&known)).is_err());
        let (_root, none) = system(&[]);
        assert!(none.find("2", Some(&known)).is_err());
        assert!(none.find("0", None).unwrap_err().contains("rpicam:0"));
    }
}
