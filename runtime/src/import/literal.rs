//! Values known at load time: initialisers, and what is computed from them.

use std::sync::Arc;

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

use super::Refusal;
use crate::graph::Constant;

/// The elements of a literal, row-major in ONNX axis order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    I8(Vec<i8>),
    U8(Vec<u8>),
    Bool(Vec<bool>),
}

/// Integers behind a DequantizeLinear whose operands are all known.
#[derive(Debug, PartialEq)]
pub(super) struct Stored {
    /// stored − zero point.
    pub values: Vec<i32>,
    /// One scale, or one per index of `axis`.
    pub scales: Vec<f32>,
    pub axis: usize,
}

/// A tensor known at load time.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub shape: Vec<usize>,
    pub elements: Elements,
    /// Set where the floats are dequantised integers.
    pub stored: Option<Arc<Stored>>,
}

impl Elements {
    fn len(&self) -> usize {
        match self {
            Elements::F32(v) => v.len(),
            Elements::I64(v) => v.len(),
            Elements::I32(v) => v.len(),
            Elements::I8(v) => v.len(),
            Elements::U8(v) => v.len(),
            Elements::Bool(v) => v.len(),
        }
    }
}

/// `shape`'s number of elements, refused where it, or a product of some of its lengths, cannot be held.
pub(super) fn count(shape: &[usize]) -> Result<usize, Refusal> {
    let product = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1)));
    match product.filter(|&n| n <= isize::MAX as usize / 8) {
        Some(_) if shape.contains(&0) => Ok(0),
        Some(n) => Ok(n),
        None => Err(Refusal::Invalid(format!("a tensor of shape {} is too large", shown(shape)))),
    }
}

/// A shape for messages, cut short where it has very many axes.
pub(super) fn shown(shape: &[usize]) -> String {
    match shape.get(..MOST_SHOWN) {
        Some(first) if shape.len() > MOST_SHOWN => format!("{first:?}… ({} axes)", shape.len()),
        _ => format!("{shape:?}"),
    }
}

/// Axes of a shape in a message.
const MOST_SHOWN: usize = 16;

impl Literal {
    /// A literal of this shape; its length must agree.
    pub fn new(shape: Vec<usize>, elements: Elements) -> Result<Self, Refusal> {
        if count(&shape)? != elements.len() {
            return Err(Refusal::Invalid(format!(
                "{} elements do not fill the shape {}",
                elements.len(),
                shown(&shape)
            )));
        }
        Ok(Literal { shape, elements, stored: None })
    }

    /// Reads an initialiser or an attribute. External data is refused: a model is one file.
    pub fn from_proto(proto: &TensorProto) -> Result<Self, Refusal> {
        if proto.data_location == Some(DataLocation::External as i32) || !proto.external_data.is_empty() {
            return Err(Refusal::Invalid(
                "its data lies in another file; save the model as one file (onnx.save with save_as_external_data=False)"
                    .into(),
            ));
        }
        let shape = (proto.dims.iter())
            .map(|&d| usize::try_from(d).map_err(|_| Refusal::Invalid(format!("negative length {d} in its shape"))))
            .collect::<Result<Vec<_>, _>>()?;
        let n = count(&shape)?;
        let raw = |size: usize| -> Result<&[u8], Refusal> {
            if proto.raw_data.len() == n * size {
                Ok(&proto.raw_data)
            } else {
                Err(Refusal::Invalid(format!(
                    "its data has {} bytes, but its shape {} takes {}",
                    proto.raw_data.len(),
                    shown(&shape),
                    n * size
                )))
            }
        };
        let is_raw = !proto.raw_data.is_empty();
        let data_type = DataType::try_from(proto.data_type)
            .map_err(|_| Refusal::Invalid(format!("unknown element type {}", proto.data_type)))?;
        macro_rules! words {
            ($type:ty, $field:expr, $raw:expr, $typed:expr) => {
                if is_raw {
                    raw(size_of::<$type>())?
                        .as_chunks()
                        .0
                        .iter()
                        .map(|&bytes| ($raw)(<$type>::from_le_bytes(bytes)))
                        .collect()
                } else {
                    $field.iter().map(|&v| ($typed)(v)).collect()
                }
            };
        }
        let elements = match data_type {
            DataType::Float => Elements::F32(words!(f32, proto.float_data, |v| v, |v| v)),
            DataType::Double => Elements::F32(words!(f64, proto.double_data, |v| v as f32, |v: f64| v as f32)),
            DataType::Float16 => {
                Elements::F32(words!(u16, proto.int32_data, half_to_f32, |v: i32| half_to_f32(v as u16)))
            }
            DataType::Int64 => Elements::I64(words!(i64, proto.int64_data, |v| v, |v| v)),
            DataType::Int32 => Elements::I32(words!(i32, proto.int32_data, |v| v, |v| v)),
            DataType::Int8 => Elements::I8(words!(i8, proto.int32_data, |v| v, |v: i32| v as i8)),
            DataType::Uint8 => Elements::U8(words!(u8, proto.int32_data, |v| v, |v: i32| v as u8)),
            DataType::Bool => Elements::Bool(words!(u8, proto.int32_data, |v| v != 0, |v: i32| v != 0)),
            other => return Err(Refusal::Unsupported(format!("elements of type {other:?}"))),
        };
        Literal::new(shape, elements)
    }

    /// ONNX's name of the type of the elements.
    pub fn data_type(&self) -> DataType {
        match &self.elements {
            Elements::F32(_) => DataType::Float,
            Elements::I64(_) => DataType::Int64,
            Elements::I32(_) => DataType::Int32,
            Elements::I8(_) => DataType::Int8,
            Elements::U8(_) => DataType::Uint8,
            Elements::Bool(_) => DataType::Bool,
        }
    }

    /// Writes the literal as an initialiser, for tract.
    pub fn to_proto(&self, name: &str) -> TensorProto {
        let raw_data: Vec<u8> = match &self.elements {
            Elements::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::I8(v) => v.iter().map(|&x| x as u8).collect(),
            Elements::U8(v) => v.clone(),
            Elements::Bool(v) => v.iter().map(|&x| u8::from(x)).collect(),
        };
        TensorProto {
            name: name.to_owned(),
            dims: self.shape.iter().map(|&d| d as i64).collect(),
            data_type: self.data_type() as i32,
            raw_data,
            ..Default::default()
        }
    }

    /// Bytes of the elements, and of the integers behind them.
    pub fn bytes(&self) -> u64 {
        let size = match &self.elements {
            Elements::F32(_) | Elements::I32(_) => 4,
            Elements::I64(_) => 8,
            Elements::I8(_) | Elements::U8(_) | Elements::Bool(_) => 1,
        };
        let stored = self.stored.as_ref().map_or(0, |stored| 4 * stored.values.len());
        (self.len() as u64).saturating_mul(size) + stored as u64
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// The floats, if it is a float tensor.
    pub fn floats(&self) -> Result<&[f32], Refusal> {
        match &self.elements {
            Elements::F32(v) => Ok(v),
            _ => Err(Refusal::Unsupported("an operand that is not float".into())),
        }
    }

    /// The only element, as float.
    pub fn scalar(&self) -> Result<f32, Refusal> {
        match (&self.elements, self.len()) {
            (Elements::F32(v), 1) => Ok(v[0]),
            _ => Err(Refusal::Unsupported("an operand that has to be one float".into())),
        }
    }

    /// The elements as integers, if they are.
    pub fn integers(&self) -> Result<Vec<i64>, Refusal> {
        match &self.elements {
            Elements::I64(v) => Ok(v.clone()),
            Elements::I32(v) => Ok(v.iter().map(|&x| x.into()).collect()),
            Elements::I8(v) => Ok(v.iter().map(|&x| x.into()).collect()),
            Elements::U8(v) => Ok(v.iter().map(|&x| x.into()).collect()),
            _ => Err(Refusal::Invalid("an operand that has to be integer is not".into())),
        }
    }

    /// The constant in memory order: axes permuted by `order` (see [`Port::order`](crate::tensor::Port::order)).
    pub fn to_constant(&self, order: &[usize]) -> Constant {
        let source = permuted_indices(&self.shape, order);
        match &self.elements {
            Elements::F32(v) => Constant::F32(source.map(|i| v[i]).collect()),
            Elements::I64(v) => Constant::I64(source.map(|i| v[i]).collect()),
            Elements::I32(v) => Constant::I32(source.map(|i| v[i]).collect()),
            // The u8 domain: signed bytes are shifted by 128, and so are their zero points.
            Elements::I8(v) => Constant::U8(source.map(|i| v[i] as u8 ^ 0x80).collect()),
            Elements::U8(v) => Constant::U8(source.map(|i| v[i]).collect()),
            Elements::Bool(v) => Constant::U8(source.map(|i| u8::from(v[i])).collect()),
        }
    }
}

/// Row-major indices into a tensor of `shape`, walked with its axes in `order`, the last fastest.
pub(super) fn permuted_indices(shape: &[usize], order: &[usize]) -> impl Iterator<Item = usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let lengths: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let n = shape.iter().product();
    (0..n).map(move |mut rest| {
        let mut index = 0;
        for (&length, &step) in lengths.iter().zip(&steps).rev() {
            index += rest % length * step;
            rest /= length;
        }
        index
    })
}

/// IEEE half precision to single.
fn half_to_f32(bits: u16) -> f32 {
    let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (fraction + 1024.0) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_convert() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 5.960_464_5e-8), (0x7bff, 65504.0), (0x3555, 0.333_251_95)]
        {
            assert_eq!(half_to_f32(bits), value);
        }
    }

    #[test]
    fn permuting_walks_the_named_order() {
        assert_eq!(permuted_indices(&[2, 3], &[1, 0]).collect::<Vec<_>>(), [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn raw_data_of_another_length_is_refused() {
        let proto = TensorProto { dims: vec![2], data_type: 1, raw_data: vec![0; 4], ..Default::default() };
        assert!(matches!(Literal::from_proto(&proto), Err(Refusal::Invalid(_))));
    }
}
