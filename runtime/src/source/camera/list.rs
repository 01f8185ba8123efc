//! Which cameras there are and what they offer, for people to choose from.

use nokhwa::utils::CameraFormat;

use super::device::{Node, Places};
use super::{explain, negotiate, offers};
use crate::guard::guarded;

/// A video device that captures pictures, or that cannot be asked.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The device.
    pub node: Node,
    /// What it offers and Retort reads.
    pub modes: Vec<Mode>,
    /// Formats that it offers and Retort does not read, by V4L2's names.
    pub others: Vec<String>,
    /// Why it cannot be asked, and what to do about it.
    pub problem: Option<String>,
}

/// A format, a size, and the rates that they come in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mode {
    /// V4L2's name of the format.
    pub format: &'static str,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames a second, the most first; empty where the driver does not say.
    pub rates: Vec<u32>,
}

/// All cameras of the system.
pub fn list() -> Vec<Listed> {
    let nodes = Places::default().nodes().into_iter().map(|node| listed(&node));
    // Hardware has more devices than those that capture: codecs, and what belongs to a camera's pictures.
    nodes.filter(|listed| !listed.modes.is_empty() || !listed.others.is_empty() || listed.problem.is_some()).collect()
}

/// What one device offers.
pub fn listed(node: &Node) -> Listed {
    let mut listed = Listed { node: node.clone(), modes: Vec::new(), others: Vec::new(), problem: None };
    match v4l::Device::with_path(&node.path) {
        Ok(device) => {
            listed.modes = modes(&offers::offers(&device));
            let read = |name: &String| negotiate::NAMES.iter().any(|(_, known)| known == name);
            listed.others = offers::codes(&device).into_iter().filter(|name| !read(name)).collect();
            guarded(|| drop(device));
        }
        Err(error) => listed.problem = Some(explain(&error, &node.path)),
    }
    listed
}

/// Offers of one format and size together.
fn modes(offers: &[CameraFormat]) -> Vec<Mode> {
    let mut modes: Vec<Mode> = Vec::new();
    for offer in offers {
        let (format, width, height) = (negotiate::name(offer.format()), offer.width(), offer.height());
        let known = modes.iter().position(|mode| (mode.format, mode.width, mode.height) == (format, width, height));
        let at = known.unwrap_or(modes.len());
        if known.is_none() {
            modes.push(Mode { format, width, height, rates: Vec::new() });
        }
        if offer.frame_rate() > 0 {
            modes[at].rates.push(offer.frame_rate());
        }
    }
    for mode in &mut modes {
        mode.rates.sort_unstable_by(|a, b| b.cmp(a));
        mode.rates.dedup();
    }
    modes
}

#[cfg(test)]
mod tests {
    use nokhwa::utils::FrameFormat::{MJPEG, YUYV};

    use super::*;

    #[test]
    fn rates_of_a_size_are_listed_together() {
        let offers = [(YUYV, 640, 15), (YUYV, 640, 30), (MJPEG, 640, 30), (YUYV, 640, 30), (YUYV, 320, 0)];
        let offers = offers.map(|(format, width, rate)| CameraFormat::new_from(width, 240, format, rate));
        let seen: Vec<_> = modes(&offers).into_iter().map(|mode| (mode.format, mode.width, mode.rates)).collect();
        assert_eq!(seen, [("YUYV", 640, vec![30, 15]), ("MJPG", 640, vec![30]), ("YUYV", 320, vec![])]);
    }
}
