//! The convolutions that are measured alone: one of each kind and size that compact detectors spend their time in. They
//! are layers of a detector for 320 × 320 pixels that consists of depthwise and pointwise layers, and a dense 3 × 3
//! convolution as such a detector's neck may have.

use retort_core::kernels::ConvolutionShape;
use retort_core::plan::step::ConvolutionForm;
use retort_core::plan::view::{Image, Window};

/// A convolution of one square picture, padded so that it keeps its size, the stride apart.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// What it is called in reports.
    pub name: &'static str,
    /// The structure.
    pub form: ConvolutionForm,
    /// Rows, and columns, of the input.
    pub side: u32,
    /// Channels of the input and of the output.
    pub channels: [u32; 2],
    /// Rows, and columns, of the window.
    pub kernel: u32,
    /// Rows, and columns, between two places of the window.
    pub stride: u32,
}

/// All of them.
pub const LAYERS: [Layer; 9] = [
    general("stem_3x3s2_3to16_at_320", 320, [3, 16], 2),
    depthwise("depthwise_3x3_16_at_160", 160, 16, 1),
    depthwise("depthwise_3x3s2_48_at_80", 80, 48, 2),
    depthwise("depthwise_3x3_160_at_20", 20, 160, 1),
    pointwise("pointwise_16to32_at_160", 160, [16, 32]),
    pointwise("pointwise_96to96_at_40", 40, [96, 96]),
    pointwise("pointwise_160to160_at_20", 20, [160, 160]),
    pointwise("pointwise_256to256_at_10", 10, [256, 256]),
    general("general_3x3_64to64_at_20", 20, [64, 64], 1),
];

const fn general(name: &'static str, side: u32, channels: [u32; 2], stride: u32) -> Layer {
    Layer { name, form: ConvolutionForm::General, side, channels, kernel: 3, stride }
}

const fn depthwise(name: &'static str, side: u32, channels: u32, stride: u32) -> Layer {
    Layer { name, form: ConvolutionForm::Depthwise, side, channels: [channels; 2], kernel: 3, stride }
}

const fn pointwise(name: &'static str, side: u32, channels: [u32; 2]) -> Layer {
    Layer { name, form: ConvolutionForm::Pointwise, side, channels, kernel: 1, stride: 1 }
}

impl Layer {
    /// How many groups the channels fall into.
    pub fn groups(&self) -> u32 {
        if self.form == ConvolutionForm::Depthwise { self.channels[0] } else { 1 }
    }

    /// What the layout of the weights depends on.
    pub fn shape(&self) -> ConvolutionShape {
        ConvolutionShape {
            form: self.form,
            groups: self.groups(),
            kernel: [self.kernel; 2],
            dilation: [1, 1],
            in_channels: self.channels[0],
            out_channels: self.channels[1],
        }
    }

    /// The window.
    pub fn window(&self) -> Window {
        Window { kernel: [self.kernel; 2], stride: [self.stride; 2], dilation: [1, 1], pad: [self.kernel / 2; 4] }
    }

    /// The input.
    pub fn input(&self) -> Image {
        image(self.side, self.channels[0])
    }

    /// The output.
    pub fn output(&self) -> Image {
        image(self.side.div_ceil(self.stride), self.channels[1])
    }

    /// Multiply-accumulates.
    pub fn macs(&self) -> u64 {
        elements(&self.output()) as u64 * self.shape().depth()
    }
}

fn image(side: u32, channels: u32) -> Image {
    Image { offset: 0, batch: 1, height: side, width: side, channels, stride: channels }
}

/// How many elements an image of contiguous pixels has.
pub fn elements(image: &Image) -> usize {
    image.batch as usize * image.height as usize * image.width as usize * image.channels as usize
}
