//! Where the operands of a step lie, and in what shape.

use super::PlanError;
use super::record::{Field, Reader};

/// A run of bytes in the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Bytes from the start of the arena.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A run of bytes in the plan's weights. Length 0 stands for an absent one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// Bytes from the start of the weights.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A batch of images in the arena, NHWC. Element (n, y, x, c) lies `((n · height + y) · width + x) · stride + c` elements
/// after `offset`; `stride` exceeds `channels` where the image is a slice of the channels of a wider one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Bytes from the start of the arena to the first element.
    pub offset: u32,
    /// The number of images.
    pub batch: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Channels.
    pub channels: u32,
    /// Elements from one pixel to the next; at least `channels`.
    pub stride: u32,
}

/// Where the sliding window of a convolution or a pool stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: [u32; 2],
    /// Rows and columns between two neighbouring places.
    pub stride: [u32; 2],
    /// Rows and columns between two neighbouring taps.
    pub dilation: [u32; 2],
    /// Padding above, left, below and right of the image.
    pub pad: [u32; 4],
}

/// The most axes that an element-wise step walks; plans merge neighbouring axes to stay within it.
pub const MAX_AXES: usize = 6;

/// Lengths of the axes that an element-wise step walks, outermost first, padded in front with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent(pub [u32; MAX_AXES]);

/// What an operand's offset counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The arena.
    #[default]
    Arena,
    /// The plan's weights: a constant.
    Weights,
}

/// An operand of an element-wise step: where it starts, and how far apart its elements are along each axis of the
/// step's [`Extent`]. A stride of 0 broadcasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operand {
    /// What `offset` counts from.
    pub place: Place,
    /// Bytes to the first element.
    pub offset: u32,
    /// Elements from one index to the next along each axis.
    pub strides: [u32; MAX_AXES],
}

impl Extent {
    /// The number of elements, `None` on overflow.
    pub fn len(&self) -> Option<u32> {
        self.0.iter().try_fold(1u32, |n, &d| n.checked_mul(d))
    }

    /// Whether an axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.0.contains(&0)
    }
}

macro_rules! fields {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl Field for $type {
            fn put(&self, sink: &mut dyn FnMut(u32)) {
                $(self.$field.put(sink);)*
            }
            fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
                Ok(Self { $($field: Field::get(words)?),* })
            }
        }
    )*};
}

fields! {
    Span { offset, len }
    Image { offset, batch, height, width, channels, stride }
    Window { kernel, stride, dilation, pad }
    Operand { place, offset, strides }
}

impl Field for Blob {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        [self.offset, self.len].put(sink);
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        let [offset, len] = Field::get(words)?;
        Ok(Blob { offset, len })
    }
    fn constant_len(&self) -> u64 {
        self.len.into()
    }
}

impl Field for Extent {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        self.0.put(sink);
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        Ok(Extent(Field::get(words)?))
    }
}

super::record::numbered!(Place, "place": 0 => Arena, 1 => Weights);
