//! Parts of the pictures that are looked at apart.

use serde::{Deserialize, Serialize};

use crate::evaluate::statistics::Interval;

/// A part with fewer pictures shows nothing that could be told from chance.
const LEAST: usize = 20;

/// How the teacher fares on a part of the pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// What the pictures are parted by, such as `brightness`.
    pub by: String,
    /// What that is measured in; empty for numbers of things.
    pub unit: String,
    /// Which part it is, such as `dark`.
    pub name: String,
    /// The least and the greatest value of that property in the part.
    pub range: [f64; 2],
    /// Pictures.
    pub pictures: usize,
    /// Objects that count, for detectors.
    pub objects: Option<usize>,
    /// The figure, 0 to 1, with its 95 % interval; none where there is nothing to find.
    pub figure: Option<Interval>,
    /// Whether it is worse than the whole beyond the noise.
    pub worse: bool,
}

/// Whether a part of so many pictures is worse than the whole beyond the noise: its interval lies wholly below that of
/// the whole.
///
/// That asks for more than a single comparison at 95 % would (for a third of the pictures the difference has to be
/// about 3.8 of its standard deviations), because an audit makes dozens of them and would else always find something.
pub(super) fn worse(part: Option<Interval>, whole: Option<Interval>, pictures: usize) -> bool {
    pictures >= LEAST && part.zip(whole).is_some_and(|(part, whole)| part.high < whole.low)
}

/// The part of each value: 0 for the lowest third, 1 for the middle and 2 for the highest. Equal values are in one part,
/// so that parts differ in size where there are many of those, and one may be empty.
pub fn terciles(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    // The last value of the first third and of the second.
    let edge = |third: usize| sorted[(third * sorted.len()).div_ceil(3).saturating_sub(1).min(last)];
    let (low, high) = (edge(1), edge(2));
    values.iter().map(|&value| usize::from(value > low) + usize::from(value > high)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirds_are_of_equal_size_and_equals_stay_together() {
        assert_eq!(terciles(&[5.0, 1.0, 3.0, 2.0, 4.0, 6.0]), [2, 0, 1, 0, 1, 2]);
        assert_eq!(terciles(&[1.0, 1.0, 1.0, 2.0]), [0, 0, 0, 2], "the middle is empty");
        assert_eq!(terciles(&[7.0; 3]), [0; 3]);
        assert!(terciles(&[]).is_empty());
    }

    #[test]
    fn a_part_is_worse_only_where_the_intervals_are_apart() {
        let at = |low, high| Some(Interval { value: 0.5 * (low + high), low, high });
        assert!(worse(at(0.2, 0.4), at(0.5, 0.6), 20));
        assert!(!worse(at(0.2, 0.5), at(0.5, 0.6), 20));
        assert!(!worse(at(0.2, 0.4), at(0.5, 0.6), 19), "too few to say");
        assert!(!worse(None, at(0.5, 0.6), 20));
    }
}
