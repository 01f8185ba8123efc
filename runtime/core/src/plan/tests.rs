//! A small plan with every kind of step: written, read back, damaged in every word, and run wherever the check lets it.

use super::record::{Field, Reader};
use super::step::*;
use super::view::{Blob, Extent, Image, Operand, Place, Span, Window};
use super::*;
use crate::function::Function;
use crate::kernels::KernelSet;
use crate::kernels::{ConvolutionShape, packing, portable};
use crate::session::{External, ExternalError, NoExternal, RunError, Session};
use crate::testing::{Aligned, Writer, seal, words};
use std::string::ToString;
use std::vec;
use std::vec::Vec;

const ARENA: u32 = 2048;

/// 2 × 3 pixels of 4 channels at `offset`.
fn image(offset: u32) -> Image {
    Image { offset, batch: 1, height: 2, width: 3, channels: 4, stride: 4 }
}

/// 24 elements one behind the other at `offset`.
fn operand(offset: u32) -> Operand {
    Operand { place: Place::Arena, offset, strides: [0, 0, 0, 12, 4, 1] }
}

fn convolution(writer: &mut Writer, form: ConvolutionForm) -> [Step; 2] {
    let (groups, kernel, pad) = match form {
        ConvolutionForm::Pointwise => (1, [1, 1], [0; 4]),
        ConvolutionForm::Depthwise => (4, [3, 3], [1; 4]),
        ConvolutionForm::General => (2, [3, 3], [1; 4]),
    };
    let window = Window { kernel, stride: [1, 1], dilation: [1, 1], pad };
    let shape = ConvolutionShape { form, groups, kernel, dilation: [1, 1], in_channels: 4, out_channels: 4 };
    let (x, y, scratch) = (image(0), image(64), Span { offset: 256, len: 1024 });
    let packing = packing(KernelSet::Portable);
    let len = packing.packed_int8(&shape, false);
    let mut blob = |len: u32| writer.blob(&vec![1; len as usize]);
    let int8 = ConvolutionInt8 {
        x,
        y,
        window,
        groups,
        form,
        wide: false,
        x_signed: false,
        y_signed: false,
        x_zero: 3,
        y_zero: 4,
        low: 0,
        high: 255,
        weights: blob(len.weights),
        bias: blob(len.bias),
        multiplier: blob(len.multiplier),
        table: Blob::default(),
        scratch,
    };
    let len = packing.packed_f32(&shape);
    let (x, y) = (image(0), image(128));
    let (weights, bias) = (blob(len.weights), blob(len.bias));
    let f32 = ConvolutionF32 { x, y, window, groups, form, weights, bias, activation: Function::Silu, scratch };
    [Step::ConvolutionInt8(int8), Step::ConvolutionF32(f32)]
}

/// As [`convolution`], of an input whose parameters come at run time.
fn dynamic_convolution(writer: &mut Writer, form: ConvolutionForm) -> Step {
    let [Step::ConvolutionInt8(ConvolutionInt8 { window, groups, scratch, .. }), _] = convolution(writer, form) else {
        panic!("an integer convolution comes first")
    };
    let mut step = ConvolutionDynamic {
        x: image(8),
        y: image(128),
        window,
        groups,
        form,
        parameters: operand(0),
        sums_as: SumsAs::Scaled,
        weights: Blob::default(),
        weight_sums: Blob::default(),
        offset: Blob::default(),
        scale: writer.blob(&[1; 16]),
        bias: writer.blob(&[1; 16]),
        activation: Function::HardSwish,
        scratch,
    };
    let len = packing(KernelSet::Portable).packed_dynamic(&ConvolutionShape::of_dynamic(&step));
    step.weights = writer.blob(&vec![1; len as usize]);
    if form != ConvolutionForm::Depthwise {
        (step.weight_sums, step.offset) = (writer.blob(&[1; 16]), writer.blob(&[1; 16]));
    }
    Step::ConvolutionDynamic(step)
}

/// One step of every kind.
fn steps(writer: &mut Writer) -> Vec<Step> {
    let extent = Extent([1, 1, 1, 2, 3, 4]);
    let (x, y, z) = (operand(0), operand(128), operand(256));
    let window = Window { kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pad: [0, 0, 1, 1] };
    let table = writer.blob(&[7; 256]);
    let indices = writer.blob(bytemuck::cast_slice(&[1u32, 0]));
    let (rows, columns) =
        (writer.blob(bytemuck::cast_slice(&[1u32, 0])), writer.blob(bytemuck::cast_slice(&[0u32, 2, 1])));
    let records: Vec<u32> = (0..3).flat_map(|i| [0, i.min(1), 0.5f32.to_bits()]).collect();
    let linear = writer.blob(bytemuck::cast_slice(&records[..6]));
    let linear_columns = writer.blob(bytemuck::cast_slice(&records));
    let exponentials = writer.blob(bytemuck::cast_slice(&[9u32; 256]));
    let constant = Operand { place: Place::Weights, offset: table.offset, strides: [0, 0, 0, 0, 0, 1] };
    let span = |offset: u32, len: u32| Span { offset, len };
    let mut steps: Vec<Step> = [ConvolutionForm::Pointwise, ConvolutionForm::Depthwise, ConvolutionForm::General]
        .into_iter()
        .flat_map(|form| convolution(writer, form))
        .collect();
    steps.extend([
        Step::BinaryInt8(BinaryInt8 {
            operation: IntegerOperation::Multiply,
            extent,
            a: x,
            b: constant,
            y,
            a_scale: 0.1,
            b_scale: 0.0,
            offset: 0.0,
            a_zero: 1,
            b_zero: 2,
            shift: 3,
            low: 0,
            high: 255,
            table,
        }),
        Step::BinaryF32(BinaryF32 {
            operation: FloatOperation::Add,
            extent,
            a: x,
            b: y,
            y: z,
            activation: Function::Identity,
        }),
        Step::UnaryF32(UnaryF32 { function: Function::Exp, extent, x, y: x }),
        Step::Lookup(Lookup { extent, x, y, table }),
        Step::Quantize(Quantize { extent, x, y, scale: 0.5, zero: 9 }),
        Step::Dequantize(Dequantize { extent, x, y, scale: 0.5, zero: 9 }),
        Step::Copy(Copy { size: 8, extent, x, y: z }),
        Step::Fill(Fill { size: 4, extent, y, value: 5 }),
        Step::Gather(Gather { size: 4, outer: 2, len: 3, inner: 4, x: span(0, 96), y: span(128, 64), indices }),
        Step::PoolInt8(PoolInt8 {
            pooling: Pooling::Average,
            x: image(0),
            y: image(64),
            window,
            x_scale: 0.5,
            y_scale: 0.5,
            x_zero: 1,
            y_zero: 2,
        }),
        Step::GlobalAverageInt8(GlobalAverageInt8 {
            x: image(0),
            y: Image { height: 1, width: 1, ..image(64) },
            multiplier: 0.1,
            x_zero: 1,
            y_zero: 2,
        }),
        Step::PoolF32(PoolF32 { pooling: Pooling::Maximum, x: image(0), y: image(128), window }),
        Step::ResizeInt8(ResizeInt8 {
            interpolation: Interpolation::Nearest,
            x: image(0),
            y: image(64),
            rows,
            columns,
        }),
        Step::ResizeF32(ResizeF32 {
            interpolation: Interpolation::Linear,
            x: image(0),
            y: image(128),
            rows: linear,
            columns: linear_columns,
        }),
        Step::SoftmaxF32(SoftmaxF32 { outer: 2, len: 3, inner: 4, x: span(0, 96), y: span(0, 96) }),
        Step::SoftmaxInt8(SoftmaxInt8 {
            outer: 6,
            len: 4,
            x: span(0, 24),
            y: span(64, 24),
            table: exponentials,
            y_factor: 256.0,
            y_zero: 0,
        }),
        Step::ReduceF32(ReduceF32 {
            reduction: Reduction::Mean,
            outer: 2,
            len: 3,
            inner: 4,
            x: span(0, 96),
            y: span(128, 32),
        }),
        Step::MatMulF32(MatMulF32 {
            batch: 2,
            rows: 2,
            inner: 3,
            columns: 2,
            a_step: 6,
            b_step: 0,
            a: x,
            b: y,
            y: span(256, 32),
        }),
        Step::RangeF32(RangeF32 { x: span(0, 96), y: span(128, 8) }),
        Step::QuantizeDynamic(QuantizeDynamic { extent, x, parameters: operand(96), y }),
        dynamic_convolution(writer, ConvolutionForm::Pointwise),
        dynamic_convolution(writer, ConvolutionForm::Depthwise),
        dynamic_convolution(writer, ConvolutionForm::General),
        Step::External(crate::plan::step::External { index: 4 }),
    ]);
    steps
}

fn port(offset: u32, shape: [u32; 4], order: [u32; 4]) -> PortRecord {
    let widen = |axes: [u32; 4]| core::array::from_fn(|axis| axes.get(axis).copied().unwrap_or(0));
    let len = shape.iter().product();
    PortRecord {
        element: Element::U8,
        span: Span { offset, len },
        quantised: true,
        scale: 0.5,
        zero: 3,
        rank: 4,
        shape: widen(shape),
        order: widen(order),
        ..PortRecord::default()
    }
}

/// A plan of these steps with one input and one output.
fn plan(writer: &mut Writer, steps: &[Step]) -> Vec<u8> {
    for step in steps {
        writer.step(step.kind(), step);
    }
    writer.input("image", port(0, [1, 4, 2, 3], [0, 2, 3, 1]));
    writer.output("Größe", port(64, [1, 4, 2, 3], [0, 2, 3, 1]));
    writer.contract("{\"task\":\"classify\"}");
    writer.finish(ARENA)
}

fn whole_plan() -> (Vec<u8>, Vec<Step>) {
    let mut writer = Writer::default();
    let steps = steps(&mut writer);
    (plan(&mut writer, &steps), steps)
}

fn check(bytes: &[u8]) -> Result<Plan<Aligned>, PlanError> {
    Plan::check(Aligned::new(bytes))
}

/// A host that leaves its steps undone.
struct Idle;

impl External for Idle {
    fn call(&mut self, _index: u32, _arena: &mut [u8]) -> Result<(), ExternalError> {
        Ok(())
    }
}

#[test]
fn reads_back_what_was_written() {
    let (bytes, steps) = whole_plan();
    let plan = check(&bytes).expect("the plan is right");
    assert_eq!(plan.steps().map(|(_, step)| step).collect::<Vec<_>>(), steps);
    assert!(plan.steps().all(|(info, step)| info.name == step.kind() && info.macs == 7));
    assert_eq!((plan.step_count(), plan.arena_len(), plan.macs()), (steps.len(), ARENA as usize, 7));
    assert_eq!(plan.contract(), "{\"task\":\"classify\"}");
    let input = plan.inputs().next().expect("one input");
    assert_eq!((input.name, input.shape(), input.order()), ("image", &[1, 4, 2, 3][..], &[0, 2, 3, 1][..]));
    assert_eq!((input.element, input.quantisation), (Element::U8, Some((0.5, 3))));
    let output = plan.outputs().next().expect("one output");
    assert_eq!((output.name, output.span), ("Größe", Span { offset: 64, len: 24 }));
    let header = Header::get(&mut Reader::new(&bytes)).expect("the header is right");
    assert_eq!((&header, words(&header).len()), (plan.header(), HEADER_LEN));
    assert_eq!(words(&header), bytes[..HEADER_LEN]);
    assert_eq!(words(&PortRecord::default()).len(), PORT_RECORD_WORDS * 4);
}

#[test]
fn runs_every_kind_of_step_and_stops_at_a_host_that_refuses() {
    let (bytes, steps) = whole_plan();
    let plan = check(&bytes).expect("the plan is right");
    let mut arena = Aligned::new(&[1; ARENA as usize]);
    let mut session = Session::new(&plan, arena.as_mut(), portable()).expect("the arena fits");
    assert_eq!((session.input(0).map(|b| b.len()), session.output(0).map(<[u8]>::len)), (Some(24), Some(24)));
    assert!(session.input(1).is_none() && session.output(1).is_none());
    let mut finished = 0;
    session
        .run_observed(&mut Idle, &mut |index| {
            assert_eq!(index, finished);
            finished += 1;
        })
        .expect("runs");
    assert_eq!(finished as usize, steps.len());
    let refused = RunError::External { step: steps.len() as u32 - 1, index: 4 };
    assert_eq!(session.run(&mut NoExternal), Err(refused));
}

#[test]
fn a_session_needs_room_and_alignment() {
    let (bytes, _) = whole_plan();
    let plan = check(&bytes).expect("the plan is right");
    let mut arena = Aligned::new(&[0; ARENA as usize + 64]);
    let error = |arena: &mut [u8]| Session::new(&plan, arena, portable()).err();
    let too_small = RunError::ArenaTooSmall { needed: ARENA as usize, found: ARENA as usize - 1 };
    assert_eq!(error(&mut arena.as_mut()[..ARENA as usize - 1]), Some(too_small));
    assert_eq!(error(&mut arena.as_mut()[1..]), Some(RunError::ArenaMisplaced));
    assert_eq!(error(&mut arena.as_mut()[64..]), None);
    let misplaced = Aligned::new(&[&[0], &bytes[..]].concat());
    assert_eq!(Plan::check(&misplaced.as_ref()[1..]).err(), Some(PlanError::Misplaced));
}

#[test]
fn errors_say_what_is_wrong() {
    let (bytes, _) = whole_plan();
    let error = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        check(&bytes).err().expect("the plan is wrong")
    };
    assert_eq!(error(&|b| b[..4].copy_from_slice(b"ELF!")), PlanError::NotAPlan { found: *b"ELF!" });
    let version = error(&|b| b[4] = 9);
    assert_eq!(version, PlanError::Version { found: 9 });
    assert!(version.to_string().contains("version 9") && version.to_string().contains(&VERSION.to_string()));
    assert!(matches!(error(&|b| b.truncate(b.len() - 1)), PlanError::Length { .. }));
    assert_eq!(error(&|b| b.truncate(9)), PlanError::Truncated);
    assert_eq!(error(&|b| b.truncate(0)), PlanError::Truncated);
    assert!(matches!(error(&|b| b[200] ^= 1), PlanError::Checksum { .. }));
    let set = error(&|b| {
        b[16] = 200;
        seal(b);
    });
    assert_eq!(set, PlanError::BadValue { what: "kernel set", value: 200 });
}

/// What the check says of a plan with only this step, made wrong by `change`.
fn fault(index: usize, change: impl Fn(&mut Step)) -> Fault {
    let mut writer = Writer::default();
    let mut step = steps(&mut writer)[index];
    change(&mut step);
    match check(&plan(&mut writer, &[step])).err() {
        Some(PlanError::Step { index: 0, kind, fault }) => {
            assert_eq!(kind, step.kind());
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn faults_of_steps_with_parameters_of_run_time() {
    let kinds = steps(&mut Writer::default());
    let index = |kind: &str| kinds.iter().position(|step| step.kind() == kind).expect("a step of every kind");
    let convolution = |change: &dyn Fn(&mut ConvolutionDynamic)| {
        fault(index("ConvolutionDynamic"), |step| {
            if let Step::ConvolutionDynamic(s) = step {
                change(s)
            }
        })
    };
    assert_eq!(convolution(&|s| s.parameters.offset = ARENA - 4), Fault::OutsideArena { what: "parameters" });
    assert_eq!(convolution(&|s| s.parameters.offset = 2), Fault::Misaligned { what: "parameters" });
    assert_eq!(convolution(&|s| s.parameters.offset = 128), Fault::Overlap { what: "y", other: "parameters" });
    assert_eq!(convolution(&|s| s.parameters.offset = 256), Fault::Overlap { what: "scratch", other: "parameters" });
    let absent = Blob::default();
    assert_eq!(convolution(&|s| s.weights.len += 4), Fault::BlobLength { what: "weights", expected: 32, found: 36 });
    let missing = |what| Fault::BlobLength { what, expected: 16, found: 0 };
    assert_eq!(convolution(&|s| s.weight_sums = absent), missing("weight sums"));
    assert_eq!(convolution(&|s| s.scale = absent), missing("scale"));
    assert_eq!(convolution(&|s| s.bias.len = 12), Fault::BlobLength { what: "bias", expected: 16, found: 12 });
    assert_eq!(convolution(&|s| s.offset.offset += 2), Fault::Misaligned { what: "offset" });
    assert!(matches!(convolution(&|s| s.sums_as = SumsAs::Integers), Fault::Dimensions { .. }));
    let mut writer = Writer::default();
    let Step::ConvolutionDynamic(mut step) = dynamic_convolution(&mut writer, ConvolutionForm::Pointwise) else {
        panic!("a convolution")
    };
    step.scale = writer.blob(bytemuck::cast_slice(&[1.0, f32::NAN, 1.0, 1.0]));
    let checked = check(&plan(&mut writer, &[Step::ConvolutionDynamic(step)])).err();
    assert!(matches!(checked, Some(PlanError::Step { fault: Fault::BadValue { .. }, .. })), "{checked:?}");
    let range = fault(index("RangeF32"), |step| {
        if let Step::RangeF32(s) = step {
            s.y.len = 4;
        }
    });
    assert_eq!(range, Fault::BlobLength { what: "y", expected: 8, found: 4 });
}

#[test]
fn faults_name_the_operand() {
    let convolution = |change: &dyn Fn(&mut ConvolutionInt8)| {
        fault(0, |step| {
            if let Step::ConvolutionInt8(s) = step {
                change(s)
            }
        })
    };
    assert_eq!(convolution(&|s| s.x.offset = ARENA - 23), Fault::OutsideArena { what: "x" });
    assert_eq!(convolution(&|s| s.y.offset = 23), Fault::Overlap { what: "y", other: "x" });
    assert_eq!(
        convolution(&|s| s.scratch = Span { offset: 84, len: 32 }),
        Fault::Overlap { what: "scratch", other: "y" }
    );
    assert_eq!(
        convolution(&|s| s.scratch = Span { offset: 20, len: 4 }),
        Fault::Overlap { what: "scratch", other: "x" }
    );
    assert_eq!(convolution(&|s| s.weights.len -= 1), Fault::BlobLength { what: "weights", expected: 32, found: 31 });
    assert_eq!(convolution(&|s| s.weights.offset = 1 << 20), Fault::OutsideWeights { what: "weights" });
    assert_eq!(convolution(&|s| s.bias.offset += 1), Fault::Misaligned { what: "bias" });
    assert_eq!(convolution(&|s| s.x_zero = 256), Fault::BadValue { what: "x_zero", value: 256 });
    assert!(matches!(convolution(&|s| s.x.stride = 3), Fault::Dimensions { .. }));
    assert!(matches!(convolution(&|s| (s.low, s.high) = (9, 8)), Fault::Dimensions { .. }));
    assert!(matches!(convolution(&|s| s.window.kernel = [1, 2]), Fault::Dimensions { .. }));
    assert!(matches!(convolution(&|s| s.y.height = 3), Fault::Dimensions { .. }));
    let in_place = fault(8, |step| {
        if let Step::UnaryF32(s) = step {
            s.y.offset += 4
        }
    });
    assert_eq!(in_place, Fault::Overlap { what: "y", other: "x" });
    let broadcast = fault(13, |step| {
        if let Step::Fill(s) = step {
            s.y.strides[5] = 0
        }
    });
    assert!(matches!(broadcast, Fault::Dimensions { .. }));
    let gather = fault(14, |step| {
        if let Step::Gather(s) = step {
            s.len = 1;
            s.x.len = 32
        }
    });
    assert_eq!(gather, Fault::BadValue { what: "indices", value: 1 });
    let resize = fault(18, |step| {
        if let Step::ResizeInt8(s) = step {
            s.x.width = 2
        }
    });
    assert_eq!(resize, Fault::BadValue { what: "columns", value: 2 });
}

/// Whatever single word of a plan is changed, the plan is refused, or it runs without a panic.
#[test]
fn no_changed_word_leads_out_of_bounds() {
    let (bytes, _) = whole_plan();
    let mut arena = Aligned::new(&[0; 1 << 16]);
    let (mut refused, mut ran) = (0, 0);
    let header = Header::get(&mut Reader::new(&bytes)).expect("the header is right");
    let weights = header.weights.offset as usize..(header.weights.offset + header.weights.len) as usize;
    for at in (16..bytes.len()).step_by(4) {
        // Of packed weights and tables every word is like any other.
        if weights.contains(&at) && at % 64 >= 12 {
            continue;
        }
        let Some(&word) = bytes[at..].first_chunk::<4>() else { continue };
        let word = u32::from_le_bytes(word);
        let values =
            [0, 1, 2, 5, 255, 256, word ^ 1, word ^ 4, word.wrapping_add(64), !word, 1 << 30, 1 << 31, u32::MAX];
        for value in values {
            let mut changed = bytes.clone();
            changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
            seal(&mut changed);
            match check(&changed) {
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
                Ok(plan) if plan.arena_len() <= arena.as_ref().len() => {
                    let mut session = Session::new(&plan, arena.as_mut(), portable()).expect("the arena fits");
                    session.run(&mut Idle).expect("the host refuses nothing");
                    ran += 1;
                }
                Ok(_) => {}
            }
        }
    }
    assert!(refused > 1000 && ran > 1000, "{refused} refused, {ran} ran");
}
