//! Splitting the arena into what a step writes and what it reads.

use crate::plan::view::Place;
use crate::plan::{Region, Regions};

/// The operands of one step.
pub struct Memory<'m> {
    /// The bytes of the one or two inputs; `None` also for an input that is the output's place.
    pub inputs: [Option<&'m [u8]>; 2],
    /// The bytes of the output.
    pub output: &'m mut [u8],
    /// Working memory.
    pub scratch: &'m mut [u8],
}

/// A stretch of the arena that the step does not write.
struct Rest<'m> {
    start: usize,
    bytes: &'m [u8],
}

impl<'m> Rest<'m> {
    fn get(&self, region: &Region) -> Option<&'m [u8]> {
        let range = indices(region);
        self.bytes.get(range.start.checked_sub(self.start)?..range.end.checked_sub(self.start)?)
    }
}

fn indices(region: &Region) -> core::ops::Range<usize> {
    region.start as usize..region.end as usize
}

/// Borrows the operands of a step. `None` for a step without output, and where a region is not what the plan's check
/// allows.
pub fn split<'m>(arena: &'m mut [u8], weights: &'m [u8], regions: &Regions) -> Option<Memory<'m>> {
    let output = regions.output?;
    let scratch = regions.scratch.filter(|scratch| scratch.byte_len() > 0);
    let scratch_first = scratch.is_some_and(|scratch| scratch.start < output.start);
    let (first, second) = match scratch {
        Some(scratch) if scratch_first => (scratch, Some(output)),
        _ => (output, scratch),
    };

    let (left, behind) = arena.split_at_mut_checked(first.start as usize)?;
    let (first_bytes, behind) = behind.split_at_mut_checked(first.byte_len() as usize)?;
    let start = first.end as usize;
    let (middle, second_bytes, right) = match second {
        None => (behind, <&mut [u8]>::default(), <&mut [u8]>::default()),
        Some(second) => {
            let (middle, behind) = behind.split_at_mut_checked((second.start as usize).checked_sub(start)?)?;
            let (bytes, right) = behind.split_at_mut_checked(second.byte_len() as usize)?;
            (middle, bytes, right)
        }
    };
    let rests = [
        Rest { start: 0, bytes: left },
        Rest { start, bytes: middle },
        Rest { start: second.map_or(usize::MAX, |second| second.end as usize), bytes: right },
    ];
    let find = |region: &Region| match region.place {
        Place::Weights => weights.get(indices(region)),
        Place::Arena => rests.iter().find_map(|rest| rest.get(region)),
    };
    let mut inputs = [None; 2];
    for (input, region) in inputs.iter_mut().zip(&regions.inputs) {
        if let Some((_, region)) = region {
            *input = Some(find(region)?);
        }
    }
    let (output, scratch) = if scratch_first { (second_bytes, first_bytes) } else { (first_bytes, second_bytes) };
    Some(Memory { inputs, output, scratch })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(start: u64, end: u64) -> Region {
        Region { place: Place::Arena, start, end, size: 1, elements: end - start }
    }

    #[test]
    fn finds_each_operand_wherever_the_others_lie() {
        let places = [(0, 3), (3, 5), (6, 9), (9, 12)];
        for output in places {
            for scratch in places.into_iter().filter(|&place| place != output) {
                let inputs = places.into_iter().filter(|&place| place != output && place != scratch);
                let mut found = [None; 2];
                for (slot, (start, end)) in found.iter_mut().zip(inputs) {
                    *slot = Some(("x", region(start, end)));
                }
                let mut arena: [u8; 12] = core::array::from_fn(|i| i as u8);
                let regions = Regions {
                    inputs: found,
                    output: Some(region(output.0, output.1)),
                    scratch: Some(region(scratch.0, scratch.1)),
                };
                let memory = split(&mut arena, &[], &regions).expect("the regions are disjoint");
                let ends = |bytes: &[u8]| (u64::from(bytes[0]), u64::from(bytes[bytes.len() - 1]) + 1);
                assert_eq!((ends(memory.output), ends(memory.scratch)), (output, scratch));
                for (input, found) in memory.inputs.iter().zip(found) {
                    let (_, region) = found.expect("two inputs");
                    assert_eq!(ends(input.expect("two inputs")), (region.start, region.end));
                }
            }
        }
    }

    #[test]
    fn refuses_an_input_that_is_written() {
        let mut arena = [0; 8];
        let regions = Regions { inputs: [Some(("x", region(2, 6))), None], output: Some(region(4, 8)), scratch: None };
        assert!(split(&mut arena, &[], &regions).is_none());
    }
}
