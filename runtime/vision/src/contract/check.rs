//! Whether a contract fits the ports of its model.

use super::fields::{Named, error};
use super::nearest::nearest;
use super::{Contract, ImageSpec, Task};
use crate::error::ContractError;
use crate::heads::Decoder;
use crate::novelty::Gauge;
use crate::scores::Scores;
use crate::tensor::{ElementType, Port};

impl Contract {
    /// Checks that the model has the image input and the outputs that the contract names, in shapes that fit.
    ///
    /// # Errors
    /// [`ContractError`] names the key, and the output it misses.
    pub fn check(&self, inputs: &[Port], outputs: &[Port]) -> Result<(), ContractError> {
        let image = self.image.port(inputs)?;
        for (key, name) in self.head.outputs() {
            output_index(&key, name, outputs)?;
        }
        Gauge::new(self, outputs)?;
        match self.task {
            Task::Detect => {
                let size = self.image.size(&inputs[image])?;
                Decoder::new(self, size, outputs, self.limits.score).map(|_| ())
            }
            Task::Classify => Scores::new(self, outputs).map(|_| ()),
        }
    }
}

impl ImageSpec {
    /// The index of the image among the model's inputs: the one named, or the only one.
    ///
    /// # Errors
    /// [`ContractError`] where there is none, or as [`size`](Self::size).
    pub fn port(&self, inputs: &[Port]) -> Result<usize, ContractError> {
        let key = "image.input";
        let index = match &self.input {
            Some(name) => position(key, name, inputs, "input")?,
            None if inputs.len() == 1 => 0,
            None => {
                return Err(error(key, format!("is missing; the model has {} inputs, name the image", inputs.len())));
            }
        };
        self.size(&inputs[index]).map(|_| index)
    }

    /// Width and height of an image input, which must be `[1, channels, height, width]` of f32 or bytes.
    ///
    /// # Errors
    /// [`ContractError`] says what the input is and what it should be.
    pub fn size(&self, port: &Port) -> Result<[usize; 2], ContractError> {
        let wanted = self.colour.channels();
        match (port.shape.as_slice(), port.element) {
            (&[1, channels, height, width], ElementType::F32 | ElementType::U8 | ElementType::I8)
                if channels == wanted && height > 0 && width > 0 =>
            {
                Ok([width, height])
            }
            (shape, element) => {
                let (name, colour) = (&port.name, self.colour.name());
                let want = format!("[1, {wanted}, height, width] of f32 or bytes");
                let problem = format!("`{colour}` wants input `{name}` to be {want}, but it is {shape:?} of {element}");
                Err(error("image.colour", problem))
            }
        }
    }
}

/// The index of the output that `key` names.
pub(crate) fn output_index(key: &str, name: &str, outputs: &[Port]) -> Result<usize, ContractError> {
    position(key, name, outputs, "output")
}

fn position(key: &str, name: &str, ports: &[Port], what: &str) -> Result<usize, ContractError> {
    ports.iter().position(|port| port.name == name).ok_or_else(|| {
        let names = || ports.iter().map(|port| port.name.as_str());
        let remedy = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        error(key, format!("the model has no {what} `{name}`; {remedy}"))
    })
}
