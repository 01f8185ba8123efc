//! A Debian package, byte by byte (deb(5), Debian Policy): an `ar` archive of a version, what dpkg is to know, and the files.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use md5::{Digest, Md5};

use crate::payload::compressed;
use crate::stamp::Stamp;
use crate::{ar, hexadecimal};

/// What a package says of itself.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The package's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Debian's name of the processors that it is for.
    pub architecture: &'a str,
    /// Who answers for it: NAME <ADDRESS>.
    pub maintainer: &'a str,
    /// The time that its files bear.
    pub stamp: Stamp,
}

/// A file that a package installs.
#[derive(Clone, Debug)]
pub struct File {
    path: String,
    bytes: Vec<u8>,
    mode: u32,
    /// Whether dpkg must keep what the user has changed in it.
    settings: bool,
}

impl File {
    /// A file that everybody may read. The path has no leading slash.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> File {
        File { path: path.into(), bytes: bytes.into(), mode: 0o644, settings: false }
    }

    /// A file that everybody may run.
    pub fn program(path: &str, bytes: &[u8]) -> File {
        File { mode: 0o755, ..File::new(path, bytes) }
    }

    /// A file that is the user's to change.
    pub fn settings(path: &str, bytes: &[u8]) -> File {
        File { settings: true, ..File::new(path, bytes) }
    }
}

/// The package's bytes.
pub fn package(about: &About<'_>, files: &[File]) -> anyhow::Result<Vec<u8>> {
    let control = [
        File::new("control", control(about, files)),
        File::new("md5sums", md5sums(files)),
        File::new("conffiles", settings(files)),
        File::program("postinst", include_bytes!("../debian/postinst")),
        File::program("prerm", include_bytes!("../debian/prerm")),
        File::program("postrm", include_bytes!("../debian/postrm")),
    ];
    let seconds = about.stamp.seconds;
    let control = compressed(&tar(&control, seconds)?)?;
    let data = compressed(&tar(files, seconds)?)?;
    Ok(ar::archive(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.gz", &data)], seconds))
}

/// The fields of deb-control(5).
fn control(about: &About<'_>, files: &[File]) -> String {
    let About { name, version, architecture, maintainer, .. } = about;
    let kibibytes: usize = files.iter().map(|file| file.bytes.len().div_ceil(1024)).sum();
    let other = if *name == "retort" { "retort-plan-only" } else { "retort" };
    format!(
        "Package: {name}\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: {maintainer}\n\
         Installed-Size: {kibibytes}\n\
         Section: video\n\
         Priority: optional\n\
         Conflicts: {other}\n\
         Replaces: {other}\n\
         Suggests: ffmpeg, rpicam-apps\n\
         Description: runs compact vision models on small boards\n \
          Retort runs small neural networks that find and classify objects, frame by\n \
          frame, in the pictures of a camera, without allocating memory in the loop.\n \
          .\n \
          The program is static. The package adds a systemd service, a stable name for\n \
          the camera (/dev/retort-camera), shell completions and manual pages.\n"
    )
}

/// The checksum of every file, as `md5sum` writes it.
fn md5sums(files: &[File]) -> String {
    files.iter().filter(|file| !file.settings).fold(String::new(), |mut sums, file| {
        let _ = writeln!(sums, "{}  {}", hexadecimal(&Md5::digest(&file.bytes)), file.path);
        sums
    })
}

fn settings(files: &[File]) -> String {
    files.iter().filter(|file| file.settings).map(|file| format!("/{}\n", file.path)).collect()
}

/// A tar archive of files and of the folders that they are in, all of them root's.
fn tar(files: &[File], seconds: u64) -> anyhow::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut append = |path: &str, kind, mode, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(seconds);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        header.set_size(bytes.len() as u64);
        // dpkg expects names that begin with `./`, which Header::set_path would take away.
        let name = format!("./{path}");
        anyhow::ensure!(name.len() <= 100, "{path}: is too long a name");
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        Ok(archive.append(&header, bytes)?)
    };
    // A folder comes before what is in it, since it sorts before.
    let folders: BTreeSet<&str> = files.iter().flat_map(|file| folders(&file.path)).collect();
    for folder in folders {
        append(folder, tar::EntryType::Directory, 0o755, &[])?;
    }
    for file in files {
        append(&file.path, tar::EntryType::Regular, file.mode, &file.bytes)?;
    }
    Ok(archive.into_inner()?)
}

/// The folders that a file is in, each with a slash at its end; the first is the root, which has no name.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(path.match_indices('/').map(|(at, _)| &path[..=at]))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Command;

    use super::*;

    fn example() -> Vec<u8> {
        let stamp = Stamp { seconds: 1_000_000_000, text: "Sun, 9 Sep 2001 01:46:40 +0000".into() };
        let about = About { name: "retort", version: "1.2.3", architecture: "arm64", maintainer: "A <a@b.c>", stamp };
        let files = [File::program("usr/bin/retort", b"program"), File::settings("etc/retort/retort.conf", b"A=1\n")];
        package(&about, &files).unwrap()
    }

    /// Path, mode and content of what an `ar` archive's member, a compressed tar archive, holds.
    fn unpack(package: &[u8], member: &str) -> Vec<(String, u32, String)> {
        let at = package.windows(member.len()).position(|window| window == member.as_bytes()).unwrap();
        let size: usize = std::str::from_utf8(&package[at + 48..at + 58]).unwrap().trim().parse().unwrap();
        let bytes = &package[at + 60..at + 60 + size];
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
        let unpack = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let mut entry = entry.unwrap();
            let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (name, entry.header().mode().unwrap(), content)
        };
        archive.entries().unwrap().map(unpack).collect()
    }

    #[test]
    fn files_come_after_their_folders() {
        let data = unpack(&example(), "data.tar.gz");
        let names: Vec<(&str, u32)> = data.iter().map(|(name, mode, _)| (name.as_str(), *mode)).collect();
        let expected = [
            ("./", 0o755),
            ("./etc/", 0o755),
            ("./etc/retort/", 0o755),
            ("./usr/", 0o755),
            ("./usr/bin/", 0o755),
            ("./usr/bin/retort", 0o755),
            ("./etc/retort/retort.conf", 0o644),
        ];
        assert_eq!(names, expected);
        assert_eq!(data[5].2, "program");
    }

    #[test]
    fn control_names_the_package_and_its_files() {
        let control = unpack(&example(), "control.tar.gz");
        let file = |name: &str| &control.iter().find(|(path, ..)| path.strip_prefix("./") == Some(name)).unwrap().2;
        assert!(
            file("control")
                .starts_with("Package: retort\nVersion: 1.2.3\nArchitecture: arm64\nMaintainer: A <a@b.c>\n")
        );
        assert!(file("control").ends_with("manual pages.\n"));
        // echo -n program | md5sum
        assert_eq!(*file("md5sums"), "a9c449d4fa44e9e5a41c574ae55ce4d9  usr/bin/retort\n");
        assert_eq!(*file("conffiles"), "/etc/retort/retort.conf\n");
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        assert_eq!(example(), example());
    }

    #[test]
    fn dpkg_reads_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), example()).unwrap();
        let Ok(run) = Command::new("dpkg-deb").arg("--contents").arg(file.path()).output() else {
            println!("skipped: dpkg-deb is not installed");
            return;
        };
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let contents = String::from_utf8(run.stdout).unwrap();
        assert!(contents.contains("-rwxr-xr-x root/root         7 2001-09-09"), "{contents}");
    }
}
