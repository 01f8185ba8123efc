//! How large the result of a node is whose inputs are all known, told before it is computed: a few bytes of shape may ask
//! for more memory than there is.

use tract_onnx::pb::ModelProto;

use super::literal::Literal;
use super::node::{Call, Value, axis};
use super::{Refusal, evaluate};
use crate::limits::Limit;

/// Operators whose result has no more elements than their inputs broadcast to, or hold together.
const BOUNDED: &str = "
    Abs Acos Add And ArgMax ArgMin Asin Atan BatchNormalization Cast CastLike Ceil Celu Clip Concat Cos Cosh
    CumSum Div Dropout Elu Equal Erf Exp Flatten Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity
    IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Max Mean Min Mod Mul Neg Not Or PRelu
    Pow Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare Relu Reshape Round ScatterElements ScatterND Selu Sigmoid Sign Sin Sinh Slice
    Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu TopK Transpose Trilu Unsqueeze
    Where Xor";

/// Checks the size of what the node makes, and returns the work of making it, in elements.
pub(super) fn check(model: &ModelProto, call: &Call<'_>) -> Result<u64, Refusal> {
    let literals: Vec<&Literal> = (call.inputs.iter().flatten())
        .filter_map(|value| match value {
            Value::Literal(literal) => Some(literal),
            Value::Placed(_) => None,
        })
        .collect();
    let taken = literals.iter().fold(0u64, |sum, literal| sum.saturating_add(literal.len() as u64));
    let (made, inner) = match call.proto.op_type.as_str() {
        operator if BOUNDED.split_whitespace().any(|bounded| bounded == operator) => {
            (broadcast(literals.iter().map(|l| &l.shape[..])).max(taken), 1)
        }
        "ConstantOfShape" => (product(&lengths(call, 0)?), 1),
        "Expand" => (broadcast([call.literal(0)?.shape.as_slice(), &lengths(call, 1)?]), 1),
        "Tile" => {
            let (shape, repeats) = (&call.literal(0)?.shape, lengths(call, 1)?);
            (product(shape).saturating_mul(product(&repeats)), 1)
        }
        "Range" => (range(call)?, 1),
        "Pad" => (pad(call)?, 1),
        "OneHot" => (product(&call.literal(0)?.shape).saturating_mul(number(call, 1)?.max(0.0) as u64), 1),
        "EyeLike" | "NonZero" => (taken.saturating_mul(16), 1),
        "Gather" | "GatherElements" | "GatherND" => gather(call)?,
        "MatMul" | "Gemm" | "MatMulInteger" => matmul(call)?,
        // What else there is has a size that does not depend on the numbers; or is refused, because it does.
        _ => (evaluate::inferred_size(model, call)?, 64),
    };
    call.limits.check(Limit::Elements, made)?;
    Ok(made.saturating_mul(inner).saturating_add(taken))
}

fn product(lengths: &[usize]) -> u64 {
    lengths.iter().fold(1u64, |product, &length| product.saturating_mul(length as u64))
}

/// The elements of what shapes broadcast to.
fn broadcast<'a>(shapes: impl IntoIterator<Item = &'a [usize]>) -> u64 {
    let mut all: Vec<usize> = Vec::new();
    for shape in shapes {
        let padded = shape.len().saturating_sub(all.len());
        all.splice(0..0, std::iter::repeat_n(1, padded));
        let offset = all.len() - shape.len();
        all[offset..].iter_mut().zip(shape).for_each(|(longest, &length)| *longest = length.max(*longest));
    }
    product(&all)
}

/// The lengths that an input lists; what is negative is left to the operator to refuse.
fn lengths(call: &Call<'_>, index: usize) -> Result<Vec<usize>, Refusal> {
    Ok(call.literal(index)?.integers()?.into_iter().map(|length| usize::try_from(length).unwrap_or(1)).collect())
}

/// The first number of an input, of any type.
fn number(call: &Call<'_>, index: usize) -> Result<f64, Refusal> {
    let literal = call.literal(index)?;
    let number = match literal.floats() {
        Ok(floats) => floats.first().map(|&v| f64::from(v)),
        Err(_) => literal.integers()?.first().map(|&v| v as f64),
    };
    number.ok_or_else(|| Refusal::Invalid(format!("input {index} is empty")))
}

fn range(call: &Call<'_>) -> Result<u64, Refusal> {
    let (start, limit, step) = (number(call, 0)?, number(call, 1)?, number(call, 2)?);
    let count = ((limit - start) / step).ceil();
    match step == 0.0 || count.is_nan() {
        true => Err(Refusal::Invalid(format!("a range from {start} to {limit} in steps of {step}"))),
        false => Ok(count.max(0.0) as u64),
    }
}

fn pad(call: &Call<'_>) -> Result<u64, Refusal> {
    let shape = &call.literal(0)?.shape;
    let pads = call.ints_or_input("pads", 1)?.unwrap_or_default();
    // Whichever axes they are for: each may be that of any length.
    let most = pads.iter().fold(0u64, |sum, &pad| sum.saturating_add(pad.max(0).cast_unsigned()));
    let padded = match pads.len() == 2 * shape.len() {
        true => shape.iter().enumerate().fold(1u64, |product, (axis, &length)| {
            let sides = [pads[axis], pads[axis + shape.len()]].map(|pad| pad.max(0).cast_unsigned());
            product.saturating_mul((length as u64).saturating_add(sides[0]).saturating_add(sides[1]))
        }),
        false => {
            shape.iter().fold(1u64, |product, &length| product.saturating_mul((length as u64).saturating_add(most)))
        }
    };
    Ok(padded)
}

fn gather(call: &Call<'_>) -> Result<(u64, u64), Refusal> {
    let (x, indices) = (call.literal(0)?, call.literal(1)?);
    if call.proto.op_type == "GatherElements" {
        return Ok((indices.len() as u64, 1));
    }
    // How many elements one index brings.
    let first = match call.proto.op_type.as_str() {
        "Gather" => x.shape.get(axis(call.int("axis", 0), x.shape.len())?).copied().unwrap_or(1),
        _ => 1,
    };
    Ok(((x.len() / first.max(1)).saturating_mul(indices.len()) as u64, 1))
}

/// Elements of the product, and of each sum.
fn matmul(call: &Call<'_>) -> Result<(u64, u64), Refusal> {
    let (a, b) = (&call.literal(0)?.shape, &call.literal(1)?.shape);
    let turned = |name: &str| call.proto.op_type == "Gemm" && call.int(name, 0) != 0;
    let matrix = |shape: &[usize], turned: bool| {
        let (last, before) = (shape.last().copied().unwrap_or(1), shape.iter().rev().nth(1).copied().unwrap_or(1));
        if turned { [last, before] } else { [before, last] }
    };
    // A vector is a row where it is the first factor, a column where it is the second.
    let [rows, inner] = matrix(a, turned("transA"));
    let columns = if b.len() < 2 { 1 } else { matrix(b, turned("transB"))[1] };
    let batch = |shape: &[usize]| shape[..shape.len().saturating_sub(2)].to_vec();
    let batches = broadcast([batch(a).as_slice(), &batch(b)]);
    Ok((batches.saturating_mul(product(&[rows, columns])), inner as u64))
}
