//! The scale of every value of a network, for whoever writes int8 graphs and whoever simulates them.

use std::collections::HashMap;

use super::ranges::{Ranges, Scale};
use crate::nets::{Network, Node, Op, Wire};

/// No range was found for a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no range was found for `{0}`; calibrate the same network that is exported")]
pub struct MissingRange(pub(crate) String);

/// A scale for every node of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Scales(HashMap<String, Scale>);

impl Scales {
    /// The scales of a network's nodes. Pictures are bytes already; what only moves or picks values keeps the scale of what
    /// it takes; all else has the scale of its range.
    ///
    /// # Errors
    /// [`MissingRange`] where the ranges are of another network.
    pub fn new(network: &Network, ranges: &Ranges) -> Result<Scales, MissingRange> {
        let mut wire = ScaleWire { ranges, missing: None };
        let scales = network.walk(&mut wire, Scale::PICTURE);
        match wire.missing {
            Some(name) => Err(MissingRange(name)),
            None => Ok(Scales(network.nodes.iter().map(|node| node.name.clone()).zip(scales).collect())),
        }
    }

    /// The scale of a node's value.
    ///
    /// # Panics
    /// If the node is of another network.
    pub fn of(&self, node: &Node) -> Scale {
        self.0[&node.name]
    }
}

struct ScaleWire<'a> {
    ranges: &'a Ranges,
    missing: Option<String>,
}

impl Wire for ScaleWire<'_> {
    type Value = Scale;

    fn node(&mut self, node: &Node, inputs: &[&Scale]) -> Scale {
        match node.op {
            Op::Picture | Op::Dropout(_) | Op::MaxPool(_) => *inputs[0],
            Op::Convolve(_) | Op::GlobalAverage | Op::Add(_) | Op::Merge => {
                self.ranges.of(&node.name).unwrap_or_else(|| {
                    self.missing.get_or_insert_with(|| node.name.clone());
                    Scale::PICTURE
                })
            }
        }
    }
}
