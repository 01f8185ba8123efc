//! What is noted behind packed integer weights: what holds for all of them, and how products are added up in 16 bits.

use super::blocks::padded_channels;
use super::layout::{VectorPacking, sums_are_covered};
use super::{chains, tap_order};
use crate::kernels::ConvolutionShape;
use crate::plan::step::ConvolutionForm;

/// Bytes that a [`Note`] takes.
pub const NOTE: usize = 16;

/// What is noted behind weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether two products of weights with signed bytes, added up, can leave 16 bits: 2 · (−128) · (−128) is 2¹⁵. Quantisers
    /// hardly ever use −128.
    pub extreme: bool,
    /// Whether every sum, times its multiplier, stays within 32 bits; where patches are gathered, every one that there can be
    /// within 16 bits, the zero point added.
    pub small: bool,
}

impl Note {
    /// Reads the note behind packed weights.
    pub fn of(weights: &[u8]) -> Self {
        let note = weights.last_chunk::<NOTE>().copied().unwrap_or([0; NOTE]);
        Note { extreme: note[0] != 0, small: note[1] != 0 }
    }

    /// Writes it.
    pub(super) fn put(self, weights: &mut [u8]) {
        if let Some(note) = weights.last_chunk_mut::<NOTE>() {
            *note = [0; NOTE];
            (note[0], note[1]) = (self.extreme.into(), self.small.into());
        }
    }
}

impl VectorPacking {
    /// Where notes begin in packed weights, in front of the [`Note`]: those of [`chains`] of a product, some 64-bit words for every four
    /// channels, group after group, or of the [taps](tap_order) of a depthwise window, one for every sixteen.
    pub fn notes_at(&self, shape: &ConvolutionShape, packed_len: usize) -> usize {
        packed_len.saturating_sub(NOTE + self.notes_len(shape) as usize)
    }

    /// Bytes of those notes.
    pub(super) fn notes_len(&self, shape: &ConvolutionShape) -> u64 {
        if shape.form == ConvolutionForm::Depthwise && self.goes_by_taps(shape) {
            let chunks = u64::from(shape.out_channels).div_ceil(16);
            return chunks.saturating_mul(tap_order::note_len(shape.depth() as usize) as u64);
        }
        if !self.chains || shape.form == ConvolutionForm::Depthwise {
            return 0;
        }
        let groups = u64::from(shape.groups.max(1));
        let channels = padded_channels((u64::from(shape.out_channels) / groups) as usize, self.lanes) as u64;
        let notes = (channels * groups / chains::CHANNELS as u64).saturating_mul(self.note_words(shape) as u64);
        notes.saturating_mul(chains::NOTE as u64)
    }

    /// Whether products may be added up in 16 bits: two of them fit, and the notes of [`chains`] are whole.
    pub fn may_chain(&self, shape: &ConvolutionShape, weights: &[u8]) -> bool {
        let extreme = Note::of(weights).extreme;
        if extreme || !self.chains || shape.form == ConvolutionForm::Depthwise {
            return !extreme;
        }
        let groups = shape.groups.max(1) as usize;
        let (outputs, inputs) = (shape.out_channels as usize / groups, shape.depth() as usize);
        let (padded, len) = (padded_channels(outputs, self.lanes), self.note_words(shape) * chains::NOTE);
        let notes = &weights[self.notes_at(shape, weights.len())..];
        (0..groups).all(|group| {
            chains::blocks_of_twos(outputs).all(|(start, _)| {
                let at = (group * padded + start) / chains::CHANNELS * len;
                notes.get(at..at + len).is_some_and(|notes| chains::are_whole(notes, inputs))
            })
        })
    }

    /// The packed weights of a convolution to sums, from the notes of [`chains`] on; none where there are none, or products may not be
    /// added up in 16 bits.
    pub fn dynamic_notes<'w>(&self, shape: &ConvolutionShape, weights: &'w [u8]) -> Option<&'w [u8]> {
        let has_notes = self.chains && sums_are_covered(shape) && self.may_chain(shape, weights);
        has_notes.then(|| &weights[self.notes_at(shape, weights.len())..])
    }

    /// Words of them for every four channels.
    pub fn note_words(&self, shape: &ConvolutionShape) -> usize {
        chains::words_of_twos(shape.depth() as usize)
    }
}
