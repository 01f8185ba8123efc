//! Which pictures of many: any, or of a film those that are least alike.

use crate::data::{Collection, DataError, Rng};

/// Cells along each side of a picture in very small.
const SIDE: usize = 24;

/// Any `count` of the pictures, not the first ones, which are often alike; all of them for 0.
pub(super) fn some(mut set: Collection, count: usize, seed: u64) -> Collection {
    if count > 0 && count < set.len() {
        let mut order: Vec<usize> = (0..set.len()).collect();
        Rng::new(&[seed, 0x1abe]).shuffle(&mut order);
        order.truncate(count);
        keep(&mut set, order);
    }
    set
}

/// Every so manieth picture, so that there are at most `most`; all of them for 0.
pub(super) fn evenly(mut set: Collection, most: usize) -> Collection {
    if most > 0 && most < set.len() {
        let chosen = (0..most).map(|place| place * set.len() / most).collect();
        keep(&mut set, chosen);
    }
    set
}

/// At most `most` frames of a film: half of them spread evenly over time, and then again and again the one that is least like
/// any chosen so far (Gonzalez 1985, farthest-point clustering), as a camera's frames are mostly near-copies. All for 0, and all
/// pictures of a set that is no film. `done` is called after each frame that was looked at.
///
/// # Errors
/// Those of decoding a frame.
pub(super) fn varied(mut set: Collection, most: usize, done: impl Fn()) -> Result<Collection, DataError> {
    if most == 0 || most >= set.len() || !set.items.iter().all(|item| item.is_frame()) {
        return Ok(evenly(set, most));
    }
    let mut small = Vec::with_capacity(set.len());
    for item in &set.items {
        let sample = item.load()?;
        small.push(shrunk(&sample.pixels, [sample.width, sample.height], sample.channels));
        done();
    }
    let chosen = farthest(&small, most);
    keep(&mut set, chosen);
    Ok(set)
}

fn keep(set: &mut Collection, mut chosen: Vec<usize>) {
    chosen.sort_unstable();
    set.items = chosen.into_iter().map(|index| set.items[index].clone()).collect();
}

/// Mean brightness of parts of a picture.
fn shrunk(pixels: &[u8], [width, height]: [usize; 2], channels: usize) -> Vec<f32> {
    let mut cells = vec![(0u32, 0u32); SIDE * SIDE];
    for (y, row) in pixels.chunks_exact(width * channels).enumerate() {
        for (x, pixel) in row.chunks_exact(channels).enumerate() {
            let (sum, count) = &mut cells[y * SIDE / height * SIDE + x * SIDE / width];
            *sum += pixel.iter().map(|&byte| u32::from(byte)).sum::<u32>();
            *count += channels as u32;
        }
    }
    cells.into_iter().map(|(sum, count)| sum as f32 / count.max(1) as f32).collect()
}

/// Places of `most` pictures in very small.
fn farthest(small: &[Vec<f32>], most: usize) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(most);
    let mut away = vec![f32::INFINITY; small.len()];
    let take = |place: usize, away: &mut [f32], chosen: &mut Vec<usize>| {
        for (away, cells) in away.iter_mut().zip(small) {
            let distance = cells.iter().zip(&small[place]).map(|(a, b)| (a - b) * (a - b)).sum();
            *away = away.min(distance);
        }
        // Never again, even where all others are copies of it.
        away[place] = -1.0;
        chosen.push(place);
    };
    let even = most.div_ceil(2);
    (0..even).for_each(|place| take(place * small.len() / even, &mut away, &mut chosen));
    while chosen.len() < most.min(small.len()) {
        let best = (0..small.len()).max_by(|&a, &b| away[a].total_cmp(&away[b]).then(b.cmp(&a)));
        let Some(best) = best else { break };
        take(best, &mut away, &mut chosen);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unlike_the_rest_is_chosen() {
        let mut small = vec![vec![10.0; 4]; 100];
        small[57] = vec![90.0, 10.0, 10.0, 10.0];
        small[58] = vec![91.0, 10.0, 10.0, 10.0];
        let mut chosen = farthest(&small, 6);
        assert_eq!(chosen[..3], [0, 33, 66], "half of them evenly over time");
        assert_eq!(chosen[3], 58);
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 6, "copies are chosen only once each");
        assert_eq!(farthest(&small[..3], 3).len(), 3);
    }

    #[test]
    fn small_pictures_are_means() {
        let pixels: Vec<u8> = (0..48 * 48 * 3).map(|i| if (i / 3) % 48 < 24 { 10 } else { 30 }).collect();
        let cells = shrunk(&pixels, [48, 48], 3);
        assert_eq!((cells[0], cells[SIDE - 1], cells.len()), (10.0, 30.0, SIDE * SIDE));
        // Smaller than the cells: those without a pixel are 0.
        assert_eq!(shrunk(&[5; 12], [2, 2], 3).iter().filter(|&&cell| cell > 0.0).count(), 4);
    }
}
