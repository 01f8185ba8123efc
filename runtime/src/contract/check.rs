//! Whether a contract fits the ports of its model.

use super::fields::error;
use super::nearest::nearest;
use super::{Contract, ImageSpec};
use crate::error::Error;
use crate::tensor::{ElementType, Port};

/// The image input of a model: which one it is, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageInput {
    /// Its index among the model's inputs.
    pub index: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Contract {
    /// Checks that the model has the image input and the outputs that the contract names, in shapes that fit.
    ///
    /// # Errors
    /// [`Error::Contract`] names the key, and the output it misses.
    pub fn check(&self, inputs: &[Port], outputs: &[Port]) -> Result<(), Error> {
        self.image.port(inputs)?;
        for (key, name) in self.head.outputs() {
            output(&key, name, outputs)?;
        }
        Ok(())
    }
}

impl ImageSpec {
    /// Finds the image among the model's inputs: the one named, or the only one. It must be `[1, channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::Contract`] says which input is wrong and why.
    pub fn port(&self, inputs: &[Port]) -> Result<ImageInput, Error> {
        let key = "image.input";
        let index = match &self.input {
            Some(name) => position(key, name, inputs, "input")?,
            None if inputs.len() == 1 => 0,
            None => return Err(error(key, format!("is missing; the model has {} inputs, name the image", inputs.len()))),
        };
        let port = &inputs[index];
        let fits = |channels: usize| channels == self.colour.channels();
        match (port.shape.as_slice(), port.element) {
            (&[1, channels, height, width], ElementType::F32 | ElementType::U8 | ElementType::I8)
                if fits(channels) && height > 0 && width > 0 =>
            {
                Ok(ImageInput { index, width, height })
            }
            (shape, element) => Err(error(
                "image.colour",
                format!(
                    "wants input `{}` to be [1, {}, height, width] of f32 or bytes, but it is {shape:?} of {element}",
                    port.name,
                    self.colour.channels(),
                ),
            )),
        }
    }
}

/// The index of the output that `key` names.
pub(crate) fn output(key: &str, name: &str, outputs: &[Port]) -> Result<usize, Error> {
    position(key, name, outputs, "output")
}

fn position(key: &str, name: &str, ports: &[Port], what: &str) -> Result<usize, Error> {
    ports.iter().position(|port| port.name == name).ok_or_else(|| {
        let names = || ports.iter().map(|port| port.name.as_str());
        let remedy = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        error(key, format!("the model has no {what} `{name}`; {remedy}"))
    })
}
