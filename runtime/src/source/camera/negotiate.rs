//! Which of a camera's formats, sizes and rates suits a model best.

use nokhwa::utils::{CameraFormat, FrameFormat};

use crate::source::Wanted;

/// Frames a second below which a format counts as slow, where nobody said how many are wanted.
const FAST_ENOUGH: u32 = 15;

/// Names of formats as V4L2 has them.
pub const NAMES: &[(FrameFormat, &str)] = &[
    (FrameFormat::YUYV, "YUYV"),
    (FrameFormat::NV12, "NV12"),
    (FrameFormat::RAWRGB, "RGB3"),
    (FrameFormat::RAWBGR, "BGR3"),
    (FrameFormat::GRAY, "GREY"),
    (FrameFormat::MJPEG, "MJPG"),
];

/// V4L2's name of a format.
pub fn name(format: FrameFormat) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == format).map_or("?", |(_, name)| name)
}

/// The best of what a camera offers.
///
/// In this order: a size that need not be enlarged (or the largest, where all must be), a rate that is fast enough, pixels
/// that need not be decoded, the smallest such size, the rate nearest to the wanted one or else the highest,
/// the format that costs least. A size or format that was asked for must be there; a rate need not.
///
/// # Errors
/// What is wanted but not offered, and what is.
pub fn choose(offers: &[CameraFormat], wanted: &Wanted) -> Result<CameraFormat, String> {
    let fits = |offer: &&CameraFormat| {
        let size = wanted.size.is_none_or(|size| size == size_of(offer));
        let format = wanted.format.as_ref().is_none_or(|format| name(offer.format()).eq_ignore_ascii_case(format));
        size && format
    };
    let best = offers.iter().filter(fits).min_by_key(|offer| rank(offer, wanted));
    best.copied().ok_or_else(|| refusal(offers, wanted))
}

fn size_of(offer: &CameraFormat) -> [usize; 2] {
    [offer.width() as usize, offer.height() as usize]
}

/// The least is the best.
fn rank(offer: &CameraFormat, wanted: &Wanted) -> impl Ord + use<> {
    let size = size_of(offer);
    // A picture that fills one side of the input is letterboxed, not enlarged.
    let covers = wanted.covers.is_none_or(|input| size[0] >= input[0] || size[1] >= input[1]);
    let area = (size[0] * size[1]) as i64;
    let slow = offer.frame_rate() < wanted.rate.unwrap_or(FAST_ENOUGH);
    let cost = NAMES.iter().position(|(known, _)| *known == offer.format());
    (
        !covers,
        // Where nothing is large enough, the largest comes nearest.
        if covers { 0 } else { -area },
        slow,
        offer.format() == FrameFormat::MJPEG,
        area,
        // Luma alone does for a model that wants colours only where there is nothing else.
        offer.format() == FrameFormat::GRAY,
        wanted.rate.unwrap_or(u32::MAX).abs_diff(offer.frame_rate()),
        cost,
    )
}

fn refusal(offers: &[CameraFormat], wanted: &Wanted) -> String {
    if offers.is_empty() {
        let names: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
        return format!("offers none of the formats that Retort reads: {}", names.join(", "));
    }
    let mut asked = Vec::new();
    asked.extend(wanted.size.map(|[width, height]| format!("{width}x{height}")));
    asked.extend(wanted.format.clone());
    let mode = |offer: &CameraFormat| format!("{} {}x{}", name(offer.format()), offer.width(), offer.height());
    let mut offered: Vec<String> = offers.iter().map(mode).collect();
    offered.dedup();
    format!("does not offer {}; it offers {}", asked.join(" in "), offered.join(", "))
}

/// A format in a few words.
pub fn describe(format: &CameraFormat) -> String {
    format!("{} {}x{} {}/s", name(format.format()), format.width(), format.height(), format.frame_rate())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBCAM: [(u32, u32, FrameFormat, u32); 7] = [
        (1280, 720, FrameFormat::MJPEG, 30),
        (1280, 720, FrameFormat::YUYV, 10),
        (640, 480, FrameFormat::MJPEG, 60),
        (640, 480, FrameFormat::YUYV, 30),
        (320, 240, FrameFormat::YUYV, 30),
        (320, 240, FrameFormat::GRAY, 60),
        (160, 120, FrameFormat::YUYV, 30),
    ];

    fn chosen(wanted: Wanted) -> Result<String, String> {
        let offers = WEBCAM.map(|(width, height, format, rate)| CameraFormat::new_from(width, height, format, rate));
        choose(&offers, &wanted).map(|format| describe(&format))
    }

    #[test]
    fn the_smallest_raw_size_that_covers_the_model_is_chosen() {
        let covering = |width, height| chosen(Wanted { covers: Some([width, height]), ..Wanted::default() }).unwrap();
        assert_eq!(covering(320, 240), "YUYV 320x240 30/s");
        // A square input of 320 shows all of 320 × 240 without enlarging it.
        assert_eq!(covering(320, 320), "YUYV 320x240 30/s");
        assert_eq!(covering(416, 416), "YUYV 640x480 30/s");
        // Raw pixels of that size come too slowly.
        assert_eq!(covering(1280, 1280), "MJPG 1280x720 30/s");
        assert_eq!(covering(4000, 4000), "MJPG 1280x720 30/s");
    }

    #[test]
    fn what_is_asked_for_goes_first() {
        let small = Some([128, 128]);
        let chosen = |wanted| chosen(Wanted { covers: small, ..wanted });
        assert_eq!(chosen(Wanted { rate: Some(60), ..Wanted::default() }).unwrap(), "GREY 320x240 60/s");
        let sized = Wanted { size: Some([640, 480]), rate: Some(60), ..Wanted::default() };
        assert_eq!(chosen(sized).unwrap(), "MJPG 640x480 60/s");
        let sized = Wanted { size: Some([1280, 720]), format: Some("yuyv".into()), ..Wanted::default() };
        assert_eq!(chosen(sized).unwrap(), "YUYV 1280x720 10/s");
    }

    #[test]
    fn what_is_not_offered_is_refused_with_what_is() {
        let error = chosen(Wanted { size: Some([640, 480]), format: Some("NV12".into()), ..Wanted::default() });
        let error = error.unwrap_err();
        assert!(error.contains("640x480 in NV12") && error.contains("MJPG 640x480"), "{error}");
        assert!(choose(&[], &Wanted::default()).unwrap_err().contains("YUYV"));
    }
}
