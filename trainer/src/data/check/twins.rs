//! Pictures that are in a set twice: the same pixels, or nearly the same picture.

use std::collections::HashMap;

use serde::Serialize;

use crate::data::item::Part;
use crate::data::sample::{Sample, luma};

/// Side of the small grey picture that pictures are compared by.
const SIDE: usize = 16;
/// Bits of 64 that the difference hashes of near duplicates may differ in; within it, one of four 16-bit parts is equal.
const BITS: u32 = 3;
/// Mean difference of their small grey pictures, in units of 0 to 255.
const DIFFERENCE: u32 = 4;
/// Least standard deviation of a small grey picture; flatter ones all look alike.
const CONTRAST: u64 = 6;
/// Least width and height of pictures that are compared so; smaller ones, as of digits, are alike without being the same.
const LEAST: usize = 48;
/// Pictures of like hashes that one is compared with.
const COMPARED: usize = 64;

/// What a picture is compared by.
#[derive(Clone, Debug)]
pub(super) struct Print {
    /// Of all pixels: FNV-1a, eight bytes at a time.
    exact: u64,
    /// The difference hash: whether each of 8 × 8 places of the small picture is darker than its right neighbour (Krawetz 2013).
    hash: u64,
    small: Box<[u8; SIDE * SIDE]>,
    /// Too small or too flat to be told from others by hash and small picture.
    plain: bool,
}

impl Print {
    pub fn of(sample: &Sample) -> Print {
        let small = shrunk::<SIDE, SIDE>(sample);
        let rough = shrunk::<9, 8>(sample);
        let mut hash = 0;
        for y in 0..8 {
            for x in 0..8 {
                hash = hash << 1 | u64::from(rough[y * 9 + x] < rough[y * 9 + x + 1]);
            }
        }
        let mut exact = 0xcbf2_9ce4_8422_2325u64;
        let mut take = |word: u64| exact = (exact ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(23);
        take(sample.width as u64 | (sample.height as u64) << 24 | (sample.channels as u64) << 48);
        let (words, rest) = sample.pixels.as_chunks::<8>();
        words.iter().for_each(|&word| take(u64::from_le_bytes(word)));
        rest.iter().for_each(|&byte| take(u64::from(byte)));
        let small = small.try_into().unwrap_or([0; SIDE * SIDE]);
        let plain = sample.width.min(sample.height) < LEAST || is_flat(&small);
        Print { exact, hash, small: Box::new(small), plain }
    }

    fn is_near(&self, other: &Print) -> bool {
        (self.hash ^ other.hash).count_ones() <= BITS
            && self.small.iter().zip(&*other.small).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>()
                <= DIFFERENCE * (SIDE * SIDE) as u32
    }
}

/// Whether the standard deviation is below [`CONTRAST`].
fn is_flat(small: &[u8]) -> bool {
    let (count, sum) = (small.len() as u64, small.iter().map(|&v| u64::from(v)).sum::<u64>());
    let squares: u64 = small.iter().map(|&v| u64::from(v) * u64::from(v)).sum();
    squares * count < sum * sum + CONTRAST * CONTRAST * count * count
}

/// A grey picture of `W × H` means, row by row; a pixel of a picture that is smaller stands for several.
fn shrunk<const W: usize, const H: usize>(sample: &Sample) -> Vec<u8> {
    let grey = |x: usize, y: usize| {
        let at = (y * sample.width + x) * sample.channels;
        match sample.channels {
            1 => sample.pixels[at],
            _ => luma([sample.pixels[at], sample.pixels[at + 1], sample.pixels[at + 2]]),
        }
    };
    let range = |cell: usize, cells: usize, length: usize| {
        let start = (cell * length / cells).min(length - 1);
        start..((cell + 1) * length / cells).max(start + 1)
    };
    let mut means = Vec::with_capacity(W * H);
    for row in 0..H {
        for column in 0..W {
            let (mut sum, mut count) = (0u64, 0u64);
            for y in range(row, H, sample.height) {
                for x in range(column, W, sample.width) {
                    sum += u64::from(grey(x, y));
                    count += 1;
                }
            }
            means.push((sum / count) as u8);
        }
    }
    means
}

/// Pictures that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Twins {
    /// Their names, in the order of the set.
    pub names: Vec<String>,
    /// Whether all their pixels are the same.
    pub exact: bool,
    /// Whether they are in more than one part: what is measured on them is learned by heart.
    pub across_parts: bool,
    /// Whether their labels differ.
    pub labels_differ: bool,
}

/// A picture as it is compared: its name, part, class, and print; none where it is not to be compared.
pub(super) struct Candidate<'a> {
    pub name: &'a str,
    pub part: Option<Part>,
    pub class: Option<usize>,
    pub print: &'a Print,
}

/// Groups of pictures that are alike; first those with the same pixels.
pub(super) fn find(candidates: &[Candidate<'_>]) -> Vec<Twins> {
    let mut exact: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        exact.entry(candidate.print.exact).or_default().push(index);
    }
    // One picture stands for all that are the same.
    let mut heads: Vec<usize> = exact.values().filter_map(|group| group.first().copied()).collect();
    heads.sort_unstable();
    let mut groups: Vec<(bool, Vec<usize>)> =
        exact.into_values().filter(|group| group.len() > 1).map(|group| (true, group)).collect();
    groups.sort();
    let mut near = near(candidates, &heads);
    near.sort();
    groups.extend(near.into_iter().map(|group| (false, group)));
    let twins = |(exact, group): (bool, Vec<usize>)| {
        let of = |pick: fn(&Candidate<'_>) -> Option<usize>| {
            let first = pick(&candidates[group[0]]);
            group.iter().any(|&index| pick(&candidates[index]) != first)
        };
        Twins {
            names: group.iter().map(|&index| candidates[index].name.to_string()).collect(),
            exact,
            across_parts: of(|candidate| candidate.part.map(|part| part as usize)),
            labels_differ: of(|candidate| candidate.class),
        }
    };
    groups.into_iter().map(twins).collect()
}

/// Groups of pictures that are nearly alike, each joined to the first that it is like.
fn near(candidates: &[Candidate<'_>], heads: &[usize]) -> Vec<Vec<usize>> {
    let mut parents: HashMap<usize, usize> = HashMap::new();
    let root = |parents: &HashMap<usize, usize>, mut index: usize| {
        while let Some(&parent) = parents.get(&index) {
            index = parent;
        }
        index
    };
    let mut bands: HashMap<(u32, u16), Vec<usize>> = HashMap::new();
    for &index in heads {
        let print = candidates[index].print;
        if print.plain {
            continue;
        }
        for band in 0..4 {
            let like = bands.entry((band, (print.hash >> (16 * band)) as u16)).or_default();
            for &other in like.iter().rev().take(COMPARED) {
                let (a, b) = (root(&parents, index), root(&parents, other));
                if a != b && print.is_near(candidates[other].print) {
                    parents.insert(a.max(b), a.min(b));
                }
            }
            like.push(index);
        }
    }
    let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
    for &index in parents.keys() {
        groups.entry(root(&parents, index)).or_default().push(index);
    }
    let groups = groups.into_iter().map(|(root, mut group)| {
        group.push(root);
        group.sort_unstable();
        group
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::rng::Rng;
    use crate::data::scenes::Scene;

    fn scene(index: u64) -> Sample {
        Scene::random(&[5, index], 1.0).render(64)
    }

    /// The groups among pictures of three parts in turn, by number.
    fn groups(samples: &[Sample]) -> Vec<(Vec<usize>, bool, bool)> {
        let prints: Vec<_> = samples.iter().map(Print::of).collect();
        let names: Vec<_> = (0..samples.len()).map(|i| i.to_string()).collect();
        let candidate =
            |i: usize| Candidate { name: &names[i], part: Some(Part::ALL[i % 3]), class: Some(0), print: &prints[i] };
        let candidates: Vec<_> = (0..samples.len()).map(candidate).collect();
        let numbers = |twins: &Twins| twins.names.iter().map(|name| name.parse().unwrap_or(99)).collect();
        find(&candidates).iter().map(|twins| (numbers(twins), twins.exact, twins.across_parts)).collect()
    }

    #[test]
    fn the_same_pixels_are_exact_and_noise_is_near() {
        let mut noisy = scene(0);
        let mut rng = Rng::new(&[3]);
        noisy.pixels.iter_mut().for_each(|value| *value = value.saturating_add(rng.below(5) as u8));
        // Larger, and so of other pixels.
        let larger = Scene::random(&[5, 2], 1.0).render(100);
        let samples = [scene(0), scene(1), scene(2), scene(0), noisy, scene(3), larger, scene(4)];
        assert_eq!(groups(&samples), [(vec![0, 3], true, false), (vec![0, 4], false, true), (vec![2, 6], false, true)]);
    }

    #[test]
    fn other_and_flat_pictures_are_no_twins() {
        let mut samples: Vec<_> = (0..60).map(scene).collect();
        samples.extend((0..5).map(|shade| Sample::rgb(20, 20, vec![shade; 1200])));
        assert_eq!(groups(&samples), []);
    }
}
