//! A real plan with words changed, its length and checksum put right again as somebody would who means harm: it is refused,
//! or runs within its arena and comes to an end, on every set of kernels that this processor has.

use std::path::Path;

use retort_core::kernels::{KernelSet, select};
use retort_core::plan::{ALIGNMENT, crc32};
use retort_core::session::{NoExternal, Session};

use super::aligned::AlignedBytes;
use super::{LoadOptions, Model};
use crate::limits::{Limit, Limits};

/// The model that comes with the program, planned for these kernels.
fn plan(kernel_set: KernelSet) -> Vec<u8> {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("models").join("shapes-128.onnx");
    let options = LoadOptions { kernel_set: Some(kernel_set), ..LoadOptions::default() };
    Model::open(&model, &options).unwrap_or_else(|error| panic!("{error}")).plan_bytes().unwrap().to_vec()
}

/// What a changed plan may take, so that the test is quick.
fn options() -> LoadOptions {
    let limits = Limits::default().with(Limit::ArenaBytes, 4 << 20).with(Limit::Macs, 60_000_000);
    LoadOptions { limits, ..LoadOptions::default() }
}

/// Puts length and checksum right.
fn seal(plan: &mut [u8]) {
    let length = plan.len() as u32;
    plan[8..12].copy_from_slice(&length.to_le_bytes());
    let crc = crc32(&plan[16..]);
    plan[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// Numbers that look random, the same each time (Knuth's linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// Runs the plan in an arena between bytes that must stay as they are.
fn run_between_guards(model: &Model) {
    const GUARD: usize = 4096;
    const MARK: u8 = 0xA5;
    let plan = &model.inner.plan;
    let len = plan.arena_len();
    assert!(GUARD.is_multiple_of(ALIGNMENT));
    let mut memory = AlignedBytes::zeroed(len + 2 * GUARD);
    memory.as_mut()[..GUARD].fill(MARK);
    memory.as_mut()[GUARD + len..].fill(MARK);
    let arena = &mut memory.as_mut()[GUARD..][..len];
    let kernels = model.kernels().unwrap_or_else(|error| panic!("{error}"));
    let session = Session::new(plan, arena, kernels).unwrap_or_else(|error| panic!("{error}"));
    // A changed plan may ask for a host, which there is none of.
    let _ = { session }.run(&mut NoExternal);
    let (before, rest) = memory.as_ref().split_at(GUARD);
    assert!(before.iter().chain(&rest[len..]).all(|&byte| byte == MARK), "it wrote outside its arena");
}

#[test]
fn no_changed_plan_leaves_its_arena_or_runs_for_ever() {
    let mut numbers = Numbers(1);
    for set in KernelSet::ALL.iter().copied().filter(|&set| select(set).is_some()) {
        let whole = plan(set);
        let word = |index: usize| u32::from_le_bytes(*whole[index * 4..].first_chunk().unwrap()) as usize;
        // Where steps lie, and how long they are, is in the header.
        let header = Model::from_bytes(&whole, Path::new("whole.plan"), &options()).unwrap();
        let header = *header.inner.plan.header();
        let steps = header.steps.offset as usize / 4..(header.steps.offset + header.steps.len) as usize / 4;
        assert!(steps.len() > 300, "{} words of steps", steps.len());
        let (mut refused, mut ran) = (0, 0);
        for _ in 0..3000 {
            let mut changed = whole.clone();
            for _ in 0..1 + numbers.below(2) {
                // Mostly in the steps; elsewhere, too, but for magic, version, length and checksum.
                let at = match numbers.below(8) {
                    0 => 4 + numbers.below(whole.len() / 4 - 4),
                    1 => 4 + numbers.below(28),
                    _ => steps.start + numbers.below(steps.len()),
                };
                let before = word(at) as u32;
                let value = match numbers.below(10) {
                    0 => 0,
                    1 => 1,
                    2 => before ^ 1 << numbers.below(32),
                    3 => before.wrapping_add(1),
                    4 => before.wrapping_sub(1),
                    5 => before.wrapping_mul(2),
                    6 => u32::MAX,
                    7 => 1 << numbers.below(32),
                    // A word of elsewhere is right in itself.
                    _ => word(steps.start + numbers.below(steps.len())) as u32,
                };
                changed[at * 4..][..4].copy_from_slice(&value.to_le_bytes());
            }
            seal(&mut changed);
            match Model::from_bytes(&changed, Path::new("changed.plan"), &options()) {
                Err(error) => {
                    assert!(error.to_string().contains("changed.plan"), "{error}");
                    refused += 1;
                }
                Ok(model) if model.kernels().is_ok() => {
                    run_between_guards(&model);
                    ran += 1;
                }
                Ok(_) => {}
            }
        }
        assert!(refused > 500 && ran > 500, "{set}: {refused} refused, {ran} ran");
    }
}

#[test]
fn a_changed_byte_is_refused_by_the_checksum() {
    let whole = plan(KernelSet::best());
    for at in (0..whole.len()).step_by(61) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        let error = Model::from_bytes(&changed, Path::new("changed.plan"), &options()).err();
        let error = error.unwrap_or_else(|| panic!("byte {at} changed, and it loads")).to_string();
        assert!(error.contains("changed.plan"), "{error}");
    }
}

/// A plan says of itself how much there is to do; that is not what counts.
#[test]
fn a_plan_that_asks_for_much_is_refused() {
    let whole = plan(KernelSet::best());
    let refusal = |limit: Limit, most: u64| {
        let options = LoadOptions { limits: Limits::default().with(limit, most), ..LoadOptions::default() };
        Model::from_bytes(&whole, Path::new("large.plan"), &options).err().unwrap().to_string()
    };
    let error = refusal(Limit::Macs, 1_000_000);
    assert!(error.contains("large.plan") && error.contains("1000000") && error.contains("--limit macs="), "{error}");
    assert!(error.contains("of them in `"), "the step that takes most is named: {error}");
    let error = refusal(Limit::ArenaBytes, 1000);
    assert!(error.contains("--limit arena-bytes="), "{error}");
}
