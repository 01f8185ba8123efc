//! Cameras: the devices that the kernel lists, whether they can be opened, and the programs that reach other sources.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;

use super::check::Check;
use crate::board::{Root, model};

const DEVICES: &str = "sys/class/video4linux";

/// `O_NONBLOCK` of Linux on ARM and x86: opening must not wait for anything.
const NONBLOCK: i32 = 0o4000;

/// Video devices that are no cameras: the codecs and image processors of Raspberry Pis.
const NO_CAMERAS: &[&str] = &["bcm2835-codec", "bcm2835-isp", "rpivid", "rpi-hevc", "hevc", "pispbe", "codec", "m2m"];
/// Receivers of ribbon-cable cameras, which only libcamera can operate.
const RIBBON: &[&str] = &["unicam", "rp1-cfe"];

/// A video device.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Device {
    /// `/dev/video0`.
    path: String,
    /// What its driver calls it.
    name: String,
    /// Why it cannot be opened.
    refused: Option<ErrorKind>,
}

/// Checks cameras.
pub fn checks(root: &Root) -> Vec<Check> {
    let (ribbon, usb): (Vec<Device>, Vec<Device>) =
        devices(root).into_iter().partition(|device| RIBBON.iter().any(|name| device.name.contains(name)));
    let on_pi = model::model(root).is_some_and(|name| name.contains("Raspberry Pi"));
    vec![cameras(&usb), rpicam(root, on_pi, !ribbon.is_empty()), ffmpeg(root)]
}

/// The first device of each camera, by number. Others of the same camera carry metadata.
fn devices(root: &Root) -> Vec<Device> {
    let names = root.names(DEVICES, "video").into_iter();
    names
        .filter(|video| root.number::<u32>(&format!("{DEVICES}/{video}/index")).unwrap_or(0) == 0)
        .map(|video| Device {
            name: root.text(&format!("{DEVICES}/{video}/name")).unwrap_or_else(|| "no name".into()),
            refused: refused(root, &video),
            path: format!("/dev/{video}"),
        })
        .filter(|device| !NO_CAMERAS.iter().any(|name| device.name.contains(name)))
        .collect()
}

fn refused(root: &Root, video: &str) -> Option<ErrorKind> {
    let path = root.path(&format!("dev/{video}"));
    OpenOptions::new().read(true).write(true).custom_flags(NONBLOCK).open(path).err().map(|error| error.kind())
}

fn cameras(devices: &[Device]) -> Check {
    let seen = devices.iter().map(|device| match device.refused {
        None => format!("{} ({})", device.path, device.name),
        Some(reason) => format!("{} ({}) cannot be opened: {reason}", device.path, device.name),
    });
    let seen = seen.collect::<Vec<_>>().join(", ");
    let refused = |kind| devices.iter().any(|device| device.refused == Some(kind));
    if devices.is_empty() {
        let advice =
            "plug in a USB camera; a ribbon-cable camera is reached as `rpicam:0`, pictures and videos need none";
        return Check::warning("camera", "no camera that V4L2 knows", advice);
    }
    if refused(ErrorKind::PermissionDenied) {
        let advice = "join the group that may use cameras, then log in again:\nsudo usermod -aG video $USER";
        return Check::problem("camera", seen, advice);
    }
    if refused(ErrorKind::ResourceBusy) {
        return Check::warning("camera", seen, "another program has it; `fuser -v /dev/video*` names it");
    }
    if devices.iter().any(|device| device.refused.is_some()) {
        return Check::problem("camera", seen, "unplug it and plug it in again; `dmesg` may say what is wrong");
    }
    Check::ok("camera", format!("{seen}; `retort cameras` lists formats and rates"))
}

/// The program that operates ribbon-cable cameras.
fn rpicam(root: &Root, on_pi: bool, has_receiver: bool) -> Check {
    const NAME: &str = "ribbon camera";
    let program = ["rpicam-vid", "libcamera-vid"].into_iter().find(|name| root.has_program(name));
    match program {
        Some(program) if has_receiver => Check::ok(NAME, format!("{program} is here, and so is a receiver")),
        Some(program) => Check::ok(NAME, format!("{program} is here, no camera seen")),
        None if on_pi => {
            let advice = "for `rpicam:0`: sudo apt install rpicam-apps-lite";
            Check::warning(NAME, "neither rpicam-vid nor libcamera-vid is installed", advice)
        }
        None => Check::ok(NAME, "no Raspberry Pi"),
    }
}

fn ffmpeg(root: &Root) -> Check {
    if root.has_program("ffmpeg") {
        return Check::ok("ffmpeg", "is here");
    }
    Check::warning("ffmpeg", "is missing", "for video files and network cameras: sudo apt install ffmpeg")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::fixtures::{self, Machine};
    use crate::cli::doctor::check::Status;

    fn with_device(machine: Machine, number: u32, name: &str, index: &str) -> Machine {
        machine
            .with(&format!("{DEVICES}/video{number}/name"), name)
            .with(&format!("{DEVICES}/video{number}/index"), index)
            .with(&format!("dev/video{number}"), "")
    }

    #[test]
    fn of_a_pis_many_devices_the_cameras_are_found() {
        let machine = with_device(fixtures::pi4(), 0, "HD Webcam: HD Webcam", "0");
        let machine = with_device(machine, 1, "HD Webcam: HD Webcam", "1");
        let machine = with_device(machine, 10, "bcm2835-codec-decode", "0");
        let machine = with_device(machine, 2, "unicam-image", "0").with("usr/bin/rpicam-vid", "");
        let [camera, ribbon, ffmpeg] = &checks(&machine.root())[..] else { panic!("three checks") };
        assert_eq!(camera.status, Status::Ok);
        assert!(camera.seen.starts_with("/dev/video0 (HD Webcam: HD Webcam);"), "{}", camera.seen);
        assert_eq!(ribbon.seen, "rpicam-vid is here, and so is a receiver");
        assert_eq!(ffmpeg.status, Status::Warning);
    }

    #[test]
    fn a_listed_device_without_a_node_is_a_problem() {
        let machine = fixtures::bare().with(&format!("{DEVICES}/video3/name"), "Cam");
        let camera = &checks(&machine.root())[0];
        assert_eq!(
            (camera.status, camera.seen.contains("/dev/video3 (Cam) cannot be opened")),
            (Status::Problem, true)
        );
    }

    #[test]
    fn each_refusal_has_its_remedy() {
        let device = |refused| Device { path: "/dev/video0".into(), name: "Cam".into(), refused: Some(refused) };
        let denied = cameras(&[device(ErrorKind::PermissionDenied)]);
        assert!(
            denied.status == Status::Problem
                && denied.advice.is_some_and(|advice| advice.contains("usermod -aG video"))
        );
        assert_eq!(cameras(&[device(ErrorKind::ResourceBusy)]).status, Status::Warning);
        assert_eq!(cameras(&[]).status, Status::Warning);
    }

    #[test]
    fn only_a_raspberry_pi_wants_rpicam() {
        assert_eq!(checks(&fixtures::pc().root())[1].status, Status::Ok);
        assert_eq!(checks(&fixtures::zero2w().root())[1].status, Status::Warning);
    }
}
