//! Adding floats, which networks do more often than any other step of two operands: compilers make too much of short rows.

use super::Task;
use super::activation::{Activation, Rest};
use super::float::Float;
use crate::kernels::portable::Walk;
use crate::plan::step::{BinaryF32, FloatOperation};

fn walk_of(step: &BinaryF32) -> Walk<3> {
    Walk::new(&step.extent, [&step.a, &step.b, &step.y])
}

/// Whether [`AddF32`] does `step` on vectors of `lanes` lanes: rows fill vectors and lie side by side, and what follows is
/// done in registers.
pub fn adds(step: &BinaryF32, lanes: usize) -> bool {
    step.operation == FloatOperation::Add
        && walk_of(step).has_rows([1; 3], lanes)
        && Rest::of(step.activation).is_nothing()
}

/// Adds floats as a step says.
pub struct AddF32<'a> {
    pub step: &'a BinaryF32,
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub y: &'a mut [f32],
}

impl<I: Float> Task<I> for AddF32<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let AddF32 { step, a, b, y } = self;
        let walk = walk_of(step);
        walk.assert_within([a.len(), b.len(), y.len()]);
        let (a, b, y) = (a.as_ptr(), b.as_ptr(), y.as_mut_ptr());
        let (activation, one, len) = (Activation::new(isa, step.activation), isa.splat(1.0), walk.row_len());
        let whole = len / I::LANES * I::LANES;
        walk.for_each_row(|[at_a, at_b, at]| {
            // SAFETY: rows lie within the operands, which was asserted; of the last vector only what belongs to them is touched.
            unsafe {
                let (a, b, y) = (a.add(at_a), b.add(at_b), y.add(at));
                let mut done = 0;
                while done < whole {
                    // One rounding, as any addition has.
                    let mut sum = [[isa.mul_add(isa.load(a.add(done)), one, isa.load(b.add(done)))]];
                    activation.apply(isa, &mut sum);
                    isa.store(sum[0][0], y.add(done));
                    done += I::LANES;
                }
                if done < len {
                    let (a, b) = (isa.load_some(a.add(done), len - done), isa.load_some(b.add(done), len - done));
                    let mut sum = [[isa.mul_add(a, one, b)]];
                    activation.apply(isa, &mut sum);
                    isa.store_some(sum[0][0], y.add(done), len - done);
                }
            }
        });
    }
}
