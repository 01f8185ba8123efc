//! One ONNX node with its attributes and the values of its inputs.

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::Refusal;
use super::layout::Placed;
use super::literal::Literal;
use crate::limits::{Limit, Limits};

/// What an ONNX name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Known at load time.
    Literal(Literal),
    /// Computed when the model runs.
    Placed(Placed),
}

impl Value {
    /// Lengths of the axes in ONNX order.
    pub fn shape(&self) -> &[usize] {
        match self {
            Value::Literal(literal) => &literal.shape,
            Value::Placed(placed) => &placed.shape,
        }
    }
}

/// A node being imported.
pub(super) struct Call<'a> {
    pub proto: &'a NodeProto,
    pub name: &'a str,
    /// The version of the operator set that the node's domain is imported at.
    pub opset: i64,
    /// Inputs by position; `None` where an optional one is left out.
    pub inputs: Vec<Option<Value>>,
    /// What a tensor may be at most.
    pub limits: &'a Limits,
}

impl Call<'_> {
    /// Input `index`, which must be there.
    pub fn input(&self, index: usize) -> Result<&Value, Refusal> {
        self.optional(index).ok_or_else(|| Refusal::Invalid(format!("input {index} is missing")))
    }

    /// A shape that the node makes, refused where it is beyond the limits: to be asked before memory is taken for it.
    pub fn fits(&self, shape: &[usize]) -> Result<(), Refusal> {
        Ok(self.limits.check_shape(shape).map(|_| ())?)
    }

    /// Input `index`, if given.
    pub fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    /// Input `index`, which must be computed at run time.
    pub fn placed(&self, index: usize) -> Result<&Placed, Refusal> {
        match self.input(index)? {
            Value::Placed(placed) => Ok(placed),
            Value::Literal(_) => Err(Refusal::Unsupported(format!("a constant as input {index}"))),
        }
    }

    /// Input `index`, which must be known at load time.
    pub fn literal(&self, index: usize) -> Result<&Literal, Refusal> {
        match self.input(index)? {
            Value::Literal(literal) => Ok(literal),
            Value::Placed(_) => Err(Refusal::Unsupported(format!("input {index} computed at run time"))),
        }
    }

    /// Input `index` where it is given, which must then be known at load time.
    pub fn optional_literal(&self, index: usize) -> Result<Option<&Literal>, Refusal> {
        self.optional(index).map(|_| self.literal(index)).transpose()
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// An integer attribute.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// A float attribute.
    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| &attribute.ints[..])
    }

    /// A list of floats.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|attribute| &attribute.floats[..])
    }

    /// A text attribute.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.attribute(name).map_or(default.to_owned(), |attribute| String::from_utf8_lossy(&attribute.s).into_owned())
    }

    /// A tensor attribute.
    pub fn tensor(&self, name: &str) -> Result<Option<Literal>, Refusal> {
        (self.attribute(name).and_then(|attribute| attribute.t.as_ref())).map(Literal::from_proto).transpose()
    }

    /// A list of integers given as an attribute, or (in later operator sets) as a constant input.
    pub fn ints_or_input(&self, name: &str, input: usize) -> Result<Option<Vec<i64>>, Refusal> {
        // One for each axis, two for padding, or one for each output of a split: more are none of that, and some
        // operators would take for ever over them.
        let most = (2 * self.limits.length(Limit::Axes)).max(self.proto.output.len());
        let too_many = |count: usize| match count > most {
            true => Err(Refusal::Invalid(format!("{count} numbers as its {name}; at most {most} make sense"))),
            false => Ok(()),
        };
        match self.optional_literal(input)? {
            Some(literal) => too_many(literal.len()).and_then(|()| literal.integers()).map(Some),
            None => {
                let given = self.ints(name);
                too_many(given.map_or(0, <[i64]>::len))?;
                Ok(given.map(<[i64]>::to_vec))
            }
        }
    }
}

/// An axis that may count from the end, within `rank`.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Refusal> {
    let resolved = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(resolved)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| Refusal::Invalid(format!("axis {axis} is outside a tensor of {rank} axes")))
}
