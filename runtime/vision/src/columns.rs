//! For every column of the input the values of a row that it lies between, side by side. What follows is then the same
//! for every column, and vectorises.

use super::sample::{Sample, WEIGHT_ONE};

/// Columns that are picked together.
const GROUP: usize = 16;
/// Values that a row has to have after its last pixel: any that an offset of three channels leads to, and those after
/// it.
pub(super) const SPARE: usize = 256 * 3 + 8;

/// The columns that an input shows.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The pixel before each.
    pixels: Vec<usize>,
    /// Weights of the pixel before and of the one after, and 0 up to a whole group.
    weights: Vec<[i16; 2]>,
    way: Way,
    groups: Vec<Group>,
}

/// How to pick columns.
#[derive(Clone, Copy, Debug, Default)]
enum Way {
    Even(Even),
    /// By groups.
    Near,
    /// One by one, as of pictures made smaller than a sixteenth.
    #[default]
    Far,
}

/// Columns that follow each other; those of the last group that are too many repeat the last one.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// The first column's pixel.
    first: usize,
    /// Pixels from there to that of each column. None needs a bounds check where as many follow as it could say.
    offsets: [u8; GROUP],
}

/// Pixels that go along evenly: `times` the same one (the last perhaps fewer), then `step` pixels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Even {
    /// The first.
    first: usize,
    /// Pixels from one to the next.
    step: usize,
    /// Columns of each pixel: 1, or 2 where `step` is 1, as of chroma that belongs to two pixels.
    times: usize,
}

impl Columns {
    /// Takes these samples. Allocates only to grow.
    pub fn fit(&mut self, samples: &[Sample]) {
        self.pixels.clear();
        self.pixels.extend(samples.iter().map(|sample| sample.low));
        self.weights.clear();
        self.weights.extend(
            samples.iter().map(|sample| [WEIGHT_ONE - sample.weight, sample.weight].map(|weight| weight as i16)),
        );
        self.weights.resize(samples.len().next_multiple_of(GROUP), [0; 2]);
        self.groups.clear();
        self.groups.extend(self.pixels.chunks(GROUP).map_while(Group::of));
        self.way = match even(&self.pixels) {
            Some(even) => Way::Even(even),
            None if self.groups.len() * GROUP == self.padded() => Way::Near,
            None => Way::Far,
        };
    }

    /// Columns, with those that fill the last group.
    pub fn padded(&self) -> usize {
        self.weights.len()
    }

    /// For each column the weights of the pixel before and of the one after.
    pub fn weights(&self) -> &[[i16; 2]] {
        &self.weights
    }

    /// Picks for each column the `K` values from its pixel on, of rows with `UNIT` values a pixel.
    pub fn pick<const UNIT: usize, const K: usize>(&self, row: &[i16], to: &mut [[i16; K]]) {
        match self.way {
            Way::Even(even) if even.pick::<UNIT, K>(row, to) => {}
            Way::Near => near::<UNIT, K>(&self.groups, row, to),
            _ => {
                for (to, &pixel) in to.iter_mut().zip(&self.pixels) {
                    *to = row.get(pixel * UNIT..).and_then(<[i16]>::first_chunk).copied().unwrap_or([0; K]);
                }
            }
        }
    }
}

impl Group {
    /// Of 1 to [`GROUP`] pixels. `None` where one is too far away.
    fn of(pixels: &[usize]) -> Option<Group> {
        let (first, last) = (*pixels.first()?, *pixels.last()?);
        let mut offsets = [u8::try_from(last.checked_sub(first)?).ok()?; GROUP];
        for (offset, pixel) in offsets.iter_mut().zip(pixels) {
            *offset = u8::try_from(pixel.checked_sub(first)?).ok()?;
        }
        Some(Group { first, offsets })
    }
}

/// Picks as [`Columns::pick`], group by group.
fn near<const UNIT: usize, const K: usize>(groups: &[Group], row: &[i16], to: &mut [[i16; K]]) {
    for (group, to) in groups.iter().zip(to.as_chunks_mut::<GROUP>().0) {
        let Some(row) = row.get(group.first * UNIT..).and_then(<[i16]>::first_chunk::<SPARE>) else { break };
        *to = group.offsets.map(|offset| {
            let first = usize::from(offset) * UNIT;
            std::array::from_fn(|value| row[first + value])
        });
    }
}

impl Even {
    /// Picks as [`Columns::pick`] with a stride that the compiler knows, which becomes shuffles of whole vectors. False
    /// where it is another one.
    fn pick<const UNIT: usize, const K: usize>(&self, row: &[i16], to: &mut [[i16; K]]) -> bool {
        let row = row.get(self.first * UNIT..).unwrap_or(&[]);
        match (self.times, self.step * UNIT) {
            (1, 1) => every::<1, K>(row, to),
            (1, 2) => every::<2, K>(row, to),
            (1, 3) => every::<3, K>(row, to),
            (1, 4) => every::<4, K>(row, to),
            (1, 6) => every::<6, K>(row, to),
            (1, 8) => every::<8, K>(row, to),
            (2, _) => every_twice::<UNIT, K>(row, to),
            _ => return false,
        }
        true
    }
}

/// Picks from every `N` values on. Of the `K` the second half may lie after those.
fn every<const N: usize, const K: usize>(row: &[i16], to: &mut [[i16; K]]) {
    if N >= K {
        for (to, from) in to.iter_mut().zip(row.as_chunks::<N>().0) {
            to.copy_from_slice(&from[..K]);
        }
        return;
    }
    let half = K / 2;
    let after = row.get(half..).unwrap_or(&[]);
    for ((to, low), high) in to.iter_mut().zip(row.as_chunks::<N>().0).zip(after.as_chunks::<N>().0) {
        to[..half].copy_from_slice(&low[..half]);
        to[half..].copy_from_slice(&high[..half]);
    }
}

/// The same twice each.
fn every_twice<const N: usize, const K: usize>(row: &[i16], to: &mut [[i16; K]]) {
    let half = K / 2;
    let after = row.get(half..).unwrap_or(&[]);
    for ((to, low), high) in
        to.as_chunks_mut::<2>().0.iter_mut().zip(row.as_chunks::<N>().0).zip(after.as_chunks::<N>().0)
    {
        for to in to {
            to[..half].copy_from_slice(&low[..half]);
            to[half..].copy_from_slice(&high[..half]);
        }
    }
}

/// How pixels go along, where they do so evenly.
fn even(pixels: &[usize]) -> Option<Even> {
    let (&first, &second) = (pixels.first()?, pixels.get(1)?);
    let even = match second.checked_sub(first)? {
        0 => Even { first, step: 1, times: 2 },
        step => Even { first, step, times: 1 },
    };
    let goes_on = |(i, &pixel): (usize, &usize)| pixel == first + i / even.times * even.step;
    pixels.iter().enumerate().all(goes_on).then_some(even)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_steps_are_seen() {
        assert_eq!(even(&[1, 3, 5]), Some(Even { first: 1, step: 2, times: 1 }));
        assert_eq!(even(&[4, 4, 5]), Some(Even { first: 4, step: 1, times: 2 }));
        for uneven in [&[0, 0, 0][..], &[0, 1, 3], &[3, 2], &[3], &[]] {
            assert_eq!(even(uneven), None);
        }
    }
}
