//! Checks of shapes: images, windows, extents, and numbers with a fixed range.

use crate::plan::Fault;
use crate::plan::step::ConvolutionForm;
use crate::plan::view::{Extent, Image, Operand, Window};

/// Window arithmetic stays below this, so that it fits an index on every machine.
const LIMIT: u64 = 1 << 30;

/// Requires what must hold between dimensions.
pub fn require(holds: bool, what: &'static str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Dimensions { what }) }
}

/// Requires a number from 0 to 255.
pub fn byte(what: &'static str, value: i32) -> Result<(), Fault> {
    if (0..=255).contains(&value) { Ok(()) } else { Err(Fault::BadValue { what, value: value as u32 }) }
}

/// Requires bounds of a stored result.
pub fn bounds(low: i32, high: i32) -> Result<(), Fault> {
    byte("lower bound", low)?;
    byte("upper bound", high)?;
    require(low <= high, "the lower bound is above the upper")
}

pub fn positive<const N: usize>(what: &'static str, values: [u32; N]) -> Result<(), Fault> {
    if values.contains(&0) { Err(Fault::BadValue { what, value: 0 }) } else { Ok(()) }
}

/// Requires an input and an output image of one batch.
pub fn images(x: &Image, y: &Image) -> Result<(), Fault> {
    for image in [x, y] {
        positive("size of an image", [image.batch, image.height, image.width, image.channels])?;
        require(image.stride >= image.channels, "an image's pixels are closer together than its channels need")?;
    }
    require(x.batch == y.batch, "input and output differ in batch")
}

/// Requires that every place of the window begins inside the padded image.
pub fn window(x: &Image, y: &Image, window: &Window) -> Result<(), Fault> {
    positive("kernel of the window", window.kernel)?;
    positive("stride of the window", window.stride)?;
    positive("dilation of the window", window.dilation)?;
    for (axis, (len, places)) in [(x.height, y.height), (x.width, y.width)].into_iter().enumerate() {
        let padded = u64::from(len) + u64::from(window.pad[axis]) + u64::from(window.pad[axis + 2]);
        let reach = u64::from(window.kernel[axis]) * u64::from(window.dilation[axis]);
        require(padded < LIMIT && reach < LIMIT, "the window or its padding is too large")?;
        let last = u64::from(places - 1) * u64::from(window.stride[axis]);
        require(last < padded, "the output is larger than the places of the window")?;
    }
    Ok(())
}

/// Requires that groups divide the channels and that the form is what the sizes say.
pub fn convolution(form: ConvolutionForm, groups: u32, x: &Image, y: &Image, w: &Window) -> Result<(), Fault> {
    images(x, y)?;
    window(x, y, w)?;
    positive("groups", [groups])?;
    let divides = x.channels.is_multiple_of(groups) && y.channels.is_multiple_of(groups);
    require(divides, "groups do not divide the channels")?;
    match form {
        ConvolutionForm::Pointwise => {
            let plain = groups == 1 && w.kernel == [1, 1] && w.stride == [1, 1] && w.pad == [0; 4];
            let same = x.height == y.height && x.width == y.width;
            require(plain && same, "a pointwise convolution has a window, padding or groups")
        }
        ConvolutionForm::Depthwise => {
            require(x.channels == groups && y.channels == groups, "a depthwise convolution mixes channels")
        }
        ConvolutionForm::General => Ok(()),
    }
}

/// Requires an extent with elements, and an output that does not broadcast.
pub fn extent(extent: &Extent, y: &Operand) -> Result<(), Fault> {
    positive("axis", extent.0)?;
    require(extent.len().is_some(), "there are too many elements")?;
    let distinct = |(&len, &stride): (&u32, &u32)| len == 1 || stride != 0;
    require(extent.0.iter().zip(&y.strides).all(distinct), "the output is broadcast")
}

/// Requires elements of a size that can be moved.
pub fn element_size(size: u32) -> Result<(), Fault> {
    if matches!(size, 1 | 4 | 8) { Ok(()) } else { Err(Fault::BadValue { what: "element size", value: size }) }
}

/// Requires that a resize keeps the channels.
pub fn channels(x: &Image, y: &Image) -> Result<(), Fault> {
    images(x, y)?;
    require(x.channels == y.channels, "input and output differ in channels")
}
