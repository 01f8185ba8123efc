//! Which frames of a video: ranges as `1-600,700-`.

use std::str::FromStr;

/// Frames by number, counted from 1. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// First and last frame of each range, in the order of their numbers, apart from each other.
    ranges: Vec<(usize, usize)>,
}

impl Frames {
    /// Whether the frame is one of them.
    pub fn contains(&self, number: usize) -> bool {
        self.ranges.is_empty() || self.ranges.iter().any(|&(first, last)| (first..=last).contains(&number))
    }

    /// All frames from 1 on that are none of these; none at all where these are all.
    pub fn rest(&self) -> Option<Frames> {
        let mut ranges = Vec::new();
        let mut next = 1;
        for &(first, last) in &self.ranges {
            if first > next {
                ranges.push((next, first - 1));
            }
            next = last.saturating_add(1);
        }
        if next != usize::MAX {
            ranges.push((next, usize::MAX));
        }
        // No range at all stands for every frame.
        Some(Frames { ranges }).filter(|frames| !self.ranges.is_empty() && !frames.ranges.is_empty())
    }

    /// The last frame, if there is one.
    pub fn last(&self) -> Option<usize> {
        self.ranges.last().map(|&(_, last)| last).filter(|&last| last != usize::MAX)
    }
}

impl std::fmt::Display for Frames {
    /// The ranges as they are read.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let range = |&(first, last): &(usize, usize)| match last {
            usize::MAX => format!("{first}-"),
            last => format!("{first}-{last}"),
        };
        let ranges: Vec<String> = self.ranges.iter().map(range).collect();
        f.write_str(if ranges.is_empty() { "1-".to_owned() } else { ranges.join(",") }.as_str())
    }
}

impl FromStr for Frames {
    type Err = String;

    fn from_str(text: &str) -> Result<Frames, String> {
        let wrong = |range: &str| {
            format!("`{range}` is no range of frames; give ranges counted from 1, as 1-600 or 1-600,700-795 or 601-")
        };
        let mut ranges = Vec::new();
        for range in text.split(',').map(str::trim) {
            let number = |text: &str| text.trim().parse().ok().filter(|&number: &usize| number > 0);
            let (first, last) = match range.split_once('-') {
                Some((first, "")) => (number(first), Some(usize::MAX)),
                Some((first, last)) => (number(first), number(last)),
                None => (number(range), number(range)),
            };
            match (first, last) {
                (Some(first), Some(last)) if first <= last => ranges.push((first, last)),
                _ => return Err(wrong(range)),
            }
        }
        ranges.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Ok(Frames { ranges: joined })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_joined() {
        let frames: Frames = "700-, 3,1-2, 10-20".parse().expect("ranges");
        let inside = [1, 2, 3, 10, 20, 700, 100_000].into_iter().all(|number| frames.contains(number));
        let outside = [4, 9, 21, 699].into_iter().any(|number| frames.contains(number));
        assert!(inside && !outside);
        assert_eq!((frames.last(), frames.ranges.len()), (None, 3));
        assert_eq!("5-9,2".parse::<Frames>().expect("ranges").last(), Some(9));
        assert!(Frames::default().contains(1));
    }

    #[test]
    fn the_rest_is_what_is_left() {
        let rest = |text: &str| text.parse::<Frames>().expect("ranges").rest();
        assert_eq!(rest("1-600"), Some("601-".parse().expect("ranges")));
        assert_eq!(rest("5-9,20-"), Some("1-4,10-19".parse().expect("ranges")));
        assert_eq!(rest("5-9,20-").expect("some").to_string(), "1-4,10-19");
        assert_eq!((rest("1-"), Frames::default().rest()), (None, None));
    }

    #[test]
    fn what_is_no_range_is_named() {
        for wrong in ["", "0-3", "9-2", "a", "1-2-3", "1,,2", "-5"] {
            assert!(wrong.parse::<Frames>().expect_err(wrong).contains("1-600"), "{wrong}");
        }
    }
}
