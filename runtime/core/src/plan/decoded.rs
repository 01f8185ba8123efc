//! Steps that were read once and for all, for hosts with memory to keep them.

use super::checked::Plan;
use super::region::Regions;
use super::step::Step;

/// A step, and the bytes that it reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct DecodedStep {
    pub(crate) step: Step,
    pub(crate) regions: Regions,
}

/// The steps of one plan, kept in `S`, a vector for example. A [`Session`](crate::session::Session) that is given them need not
/// read each step from the plan's bytes at every run, which takes a tenth of a microsecond.
#[derive(Clone, Debug)]
pub struct Decoded<S> {
    steps: S,
    /// The checksum of the plan that they are of.
    crc32: u32,
}

impl<B: AsRef<[u8]>> Plan<B> {
    /// Reads all steps.
    pub fn decode<S: FromIterator<DecodedStep>>(&self) -> Decoded<S> {
        let steps = self.steps().map(|(_, step)| DecodedStep { step, regions: step.regions() }).collect();
        Decoded { steps, crc32: self.header().crc32 }
    }
}

impl<S: AsRef<[DecodedStep]>> Decoded<S> {
    /// The steps, if they are those of `plan`.
    pub(crate) fn of<B: AsRef<[u8]>>(&self, plan: &Plan<B>) -> Option<&[DecodedStep]> {
        let steps = self.steps.as_ref();
        (self.crc32 == plan.header().crc32 && steps.len() == plan.step_count()).then_some(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::portable;
    use crate::plan::step::Fill;
    use crate::plan::view::{Extent, Operand};
    use crate::session::{NoExternal, Session};
    use crate::testing::{Aligned, Writer};
    use std::vec::Vec;

    /// A plan of one step that fills eight bytes.
    fn plan(value: u32) -> Plan<Aligned> {
        let y = Operand { strides: [0, 0, 0, 0, 0, 1], ..Operand::default() };
        let mut writer = Writer::default();
        writer.step("fill", &Step::Fill(Fill { size: 1, extent: Extent([1, 1, 1, 1, 1, 8]), y, value }));
        Plan::check(Aligned::new(&writer.finish(64))).expect("the plan is right")
    }

    #[test]
    fn steps_are_run_where_they_are_the_plans() {
        let (plan, other) = (plan(7), plan(9));
        for steps in [plan.decode::<Vec<_>>(), other.decode()] {
            let mut arena = Aligned::new(&[0; 64]);
            let session = Session::new(&plan, arena.as_mut(), portable()).expect("the arena fits");
            session.with_steps(&steps).run(&mut NoExternal).expect("no step is the host's");
            assert_eq!(arena.as_ref()[..8], [7; 8]);
        }
        assert!(other.decode::<Vec<_>>().of(&plan).is_none());
    }
}
