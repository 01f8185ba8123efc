//! What every kernel set says about itself: which file runs a step, and that its peak is measured by work.

use super::{Arithmetic, Kernels, select};
use crate::plan::PlanError;
use crate::plan::record::Reader;
use crate::plan::step::{ConvolutionForm, Step};
use crate::testing::kernel_sets;
use std::path::Path;
use std::vec;
use std::vec::Vec;

/// A step of every kind, and convolutions of every form, whose other fields are 0.
fn steps() -> Vec<Step> {
    let mut steps = vec![];
    for number in 1.. {
        match Step::get(number, &mut Reader::new(&[0; 1024])) {
            Ok(step) => steps.push(step),
            Err(PlanError::BadValue { what: "kind of step", .. }) => break,
            Err(error) => panic!("kind {number}: {error}"),
        }
    }
    for form in [ConvolutionForm::Depthwise, ConvolutionForm::General] {
        for index in 0..steps.len() {
            match steps[index] {
                Step::ConvolutionInt8(step) => {
                    steps.push(Step::ConvolutionInt8(super::ConvolutionInt8 { form, ..step }))
                }
                Step::ConvolutionDynamic(step) => {
                    steps.push(Step::ConvolutionDynamic(super::ConvolutionDynamic { form, ..step }));
                }
                Step::ConvolutionF32(step) => steps.push(Step::ConvolutionF32(super::ConvolutionF32 { form, ..step })),
                _ => {}
            }
        }
    }
    steps
}

/// The kernel sets that this processor has.
fn sets() -> impl Iterator<Item = &'static dyn Kernels> {
    kernel_sets().filter_map(select)
}

#[test]
fn every_name_is_a_file() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/kernels"));
    for kernels in sets() {
        for step in steps() {
            let name = kernels.name_of(&step);
            if let Step::External(_) = step {
                assert_eq!(name, "host");
                continue;
            }
            let stem = name.split(' ').next().unwrap_or_default();
            let file = folder.join(stem).with_extension("rs");
            assert!(file.is_file(), "{}: {} is said to run in {name}", kernels.kernel_set(), step.kind());
        }
    }
}

#[test]
fn there_are_steps_of_every_kind() {
    let kinds: Vec<u32> = steps().iter().map(Step::number).collect();
    assert!(kinds.len() > 20, "{kinds:?}");
}

#[test]
fn peaks_are_proportional_to_the_rounds() {
    for kernels in sets() {
        for arithmetic in Arithmetic::ALL {
            let one = kernels.peak(arithmetic, 1);
            assert!(one >= 64, "{} {arithmetic}", kernels.kernel_set());
            assert_eq!(kernels.peak(arithmetic, 3), 3 * one, "{} {arithmetic}", kernels.kernel_set());
        }
    }
}

#[test]
fn memory_of_any_length_can_be_read() {
    for kernels in sets() {
        for len in [0, 1, 63, 64, 511, 512, 513, 4000] {
            kernels.read(&vec![7; len]);
        }
    }
}
