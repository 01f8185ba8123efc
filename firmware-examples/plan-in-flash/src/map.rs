//! An output of the network as a map of floats: channels at every cell of a grid.

use retort_core::plan::{Element, Port};

/// The floats of one output.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    bytes: &'a [u8],
    /// Channels, rows, columns.
    shape: [usize; 3],
    /// Elements from one channel, row and column to the next.
    strides: [usize; 3],
}

impl<'a> Map<'a> {
    /// The map that `port` describes, in the output's `bytes`. `None` where the port is not one image of floats.
    pub fn new(port: &Port<'_>, bytes: &'a [u8]) -> Option<Self> {
        let &[1, channels, rows, columns] = port.shape() else { return None };
        // The port says in which order the model's axes lie in memory, so the stride of each comes from those behind it.
        let mut strides = [0; 4];
        let mut step = 1;
        for &axis in port.order().iter().rev() {
            strides[axis as usize] = step;
            step *= port.shape()[axis as usize] as usize;
        }
        let [_, channel, row, column] = strides;
        (port.element == Element::F32).then_some(Map {
            bytes,
            shape: [channels, rows, columns].map(|length| length as usize),
            strides: [channel, row, column],
        })
    }

    /// Channels, rows and columns.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The value of a channel at a row and column; 0 outside the map.
    pub fn at(&self, channel: usize, row: usize, column: usize) -> f32 {
        let index = channel * self.strides[0] + row * self.strides[1] + column * self.strides[2];
        let word = self.bytes.get(index * 4..).and_then(|bytes| bytes.first_chunk());
        word.map_or(0.0, |&word| f32::from_le_bytes(word))
    }
}
