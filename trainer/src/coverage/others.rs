//! Pictures that are obviously other than what was taught, to see that they are told.

use crate::data::{Rng, Sample};

/// In which way a picture is other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// Every byte is drawn anew.
    Noise,
    /// Every byte is its complement to 255.
    Inverted,
    /// One grey.
    Blank,
}

impl Other {
    /// All of them, with their names in reports.
    pub const ALL: [(&'static str, Other); 3] =
        [("noise", Other::Noise), ("inverted", Other::Inverted), ("blank", Other::Blank)];
}

/// A picture of the size of `sample` that is other in that way; `place` tells one from the next.
pub fn other(sample: &Sample, how: Other, place: usize) -> Sample {
    let pixels = match how {
        Other::Noise => {
            let mut rng = Rng::new(&[0x0073_7469, place as u64]);
            sample.pixels.iter().map(|_| (rng.next() >> 56) as u8).collect()
        }
        Other::Inverted => sample.pixels.iter().map(|&byte| 255 - byte).collect(),
        Other::Blank => vec![(place * 64 % 256) as u8; sample.pixels.len()],
    };
    Sample { pixels, boxes: Vec::new(), class: None, mixed: None, ..*sample }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_other_in_its_way() {
        let sample = Sample::rgb(2, 1, vec![0, 10, 255, 3, 3, 3]);
        assert_eq!(other(&sample, Other::Inverted, 0).pixels, [255, 245, 0, 252, 252, 252]);
        assert_eq!(other(&sample, Other::Blank, 2).pixels, [128; 6]);
        assert_eq!(other(&sample, Other::Blank, 5).pixels, [64; 6]);
        let noise = other(&sample, Other::Noise, 1);
        assert_eq!(noise, other(&sample, Other::Noise, 1));
        assert_ne!(noise.pixels, other(&sample, Other::Noise, 2).pixels);
        assert_eq!((noise.width, noise.height, noise.channels), (2, 1, 3));
    }
}
