//! What a camera offers: its formats, sizes and rates, as the driver enumerates them.

use nokhwa::utils::{CameraFormat, FrameFormat, Resolution};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::video::Capture;
use v4l::{Device, FourCC};

use super::negotiate::NAMES;
use crate::guard::guarded;

/// Sizes that are tried where a camera has any within limits.
const COMMON_SIZES: &[[u32; 2]] =
    &[[320, 240], [416, 416], [640, 360], [640, 480], [800, 600], [1280, 720], [1640, 1232], [1920, 1080]];
/// More sizes or rates than that are a broken driver's.
const MOST: usize = 256;

/// The format with V4L2's four characters.
pub fn format_of(code: FourCC) -> Option<FrameFormat> {
    // Motion JPEG goes by two names.
    let code = if &code.repr == b"JPEG" { *b"MJPG" } else { code.repr };
    NAMES.iter().find(|(_, name)| name.as_bytes() == code).map(|(format, _)| *format)
}

/// V4L2's four characters of a format.
pub fn code_of(format: FrameFormat) -> FourCC {
    let mut code = [b' '; 4];
    code.iter_mut().zip(super::negotiate::name(format).bytes()).for_each(|(to, byte)| *to = byte);
    FourCC::new(&code)
}

/// Every format, size and rate that Retort reads; sizes within limits as a few common ones. Empty where the device
/// captures no pictures.
pub fn offers(device: &Device) -> Vec<CameraFormat> {
    let mut offers = Vec::new();
    // `v4l` panics where a driver's strings or numbers are none that it knows.
    let formats = guarded(|| device.enum_formats().unwrap_or_default()).unwrap_or_default();
    for code in formats.iter().map(|description| description.fourcc) {
        let Some(format) = format_of(code) else { continue };
        for [width, height] in sizes(device, code) {
            for rate in rates(device, code, [width, height]) {
                offers.push(CameraFormat::new(Resolution::new(width, height), format, rate));
            }
        }
    }
    offers
}

/// Names of all formats of the device, with those that Retort does not read.
pub fn codes(device: &Device) -> Vec<String> {
    let formats = guarded(|| device.enum_formats().unwrap_or_default()).unwrap_or_default();
    let name = |mut code: [u8; 4]| {
        // The highest bit says that numbers of several bytes begin with the highest.
        let big_endian = code[3] & 0x80 != 0;
        code[3] &= 0x7f;
        format!("{}{}", String::from_utf8_lossy(&code).trim(), if big_endian { "-BE" } else { "" })
    };
    formats.iter().map(|description| name(description.fourcc.repr)).collect()
}

fn sizes(device: &Device, code: FourCC) -> Vec<[u32; 2]> {
    let sizes = guarded(|| device.enum_framesizes(code).unwrap_or_default()).unwrap_or_default();
    let mut all = Vec::new();
    for size in sizes.into_iter().take(MOST) {
        match size.size {
            FrameSizeEnum::Discrete(size) => all.push([size.width, size.height]),
            FrameSizeEnum::Stepwise(limits) => all.extend(within(&limits)),
        }
    }
    all.retain(|size| size[0] > 0 && size[1] > 0);
    all
}

/// Sizes of a camera that has many.
fn within(limits: &Stepwise) -> Vec<[u32; 2]> {
    let fits = |side: u32, least: u32, most: u32, step: u32| {
        (least..=most).contains(&side) && (side - least).is_multiple_of(step.max(1))
    };
    let ends = [[limits.min_width, limits.min_height], [limits.max_width, limits.max_height]];
    let common = COMMON_SIZES.iter().copied().filter(|&[width, height]| {
        fits(width, limits.min_width, limits.max_width, limits.step_width)
            && fits(height, limits.min_height, limits.max_height, limits.step_height)
    });
    let mut all: Vec<[u32; 2]> = common.chain(ends).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Frames a second, as whole numbers. Where the driver does not say, one of 0.
fn rates(device: &Device, code: FourCC, [width, height]: [u32; 2]) -> Vec<u32> {
    let intervals = guarded(|| device.enum_frameintervals(code, width, height).unwrap_or_default());
    let mut rates = Vec::new();
    for interval in intervals.unwrap_or_default().into_iter().take(MOST) {
        // The shortest interval is the highest rate.
        let interval = match interval.interval {
            FrameIntervalEnum::Discrete(interval) => interval,
            FrameIntervalEnum::Stepwise(limits) => limits.min,
        };
        rates.push(rate(interval.numerator, interval.denominator));
    }
    if rates.is_empty() {
        rates.push(0);
    }
    rates.dedup();
    rates
}

/// A rate of an interval in seconds, rounded.
pub fn rate(numerator: u32, denominator: u32) -> u32 {
    let numerator = u64::from(numerator.max(1));
    u32::try_from((u64::from(denominator) + numerator / 2) / numerator).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_formats_agree() {
        for (format, name) in NAMES {
            assert_eq!(code_of(*format).str(), Ok(*name));
            assert_eq!(format_of(code_of(*format)), Some(*format));
        }
        assert_eq!(format_of(FourCC::new(b"JPEG")), Some(FrameFormat::MJPEG));
        assert_eq!(format_of(FourCC::new(b"H264")), None);
    }

    #[test]
    fn sizes_within_limits_keep_to_the_steps() {
        let limits = Stepwise {
            min_width: 32,
            max_width: 2592,
            step_width: 2,
            min_height: 32,
            max_height: 1944,
            step_height: 2,
        };
        let sizes = within(&limits);
        assert!(sizes.contains(&[640, 480]) && sizes.contains(&[32, 32]) && sizes.contains(&[2592, 1944]));
        let coarse = within(&Stepwise {
            step_width: 0,
            min_width: 640,
            max_width: 640,
            min_height: 480,
            max_height: 480,
            ..limits
        });
        assert_eq!(coarse, [[640, 480]]);
    }

    #[test]
    fn rates_are_rounded() {
        assert_eq!([rate(1, 30), rate(1001, 30000), rate(2, 15), rate(0, 5)], [30, 30, 8, 5]);
    }
}
