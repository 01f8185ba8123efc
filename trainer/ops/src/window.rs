//! What windows slide over: kernel, stride and padding, and the sizes that follow.

/// A window that slides over the rows and columns of a map, beyond whose edges lie zeros (or, for a maximum, nothing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Rows and columns from one place of it to the next.
    pub stride: [usize; 2],
    /// Rows added above and below, and columns added left and right. As in ONNX with symmetric `pads` and PyTorch.
    pub padding: [usize; 2],
}

impl Window {
    /// A square window, with the padding that keeps the size at stride 1 (`kernel` odd).
    pub const fn square(kernel: usize, stride: usize) -> Window {
        Window { kernel: [kernel; 2], stride: [stride; 2], padding: [(kernel - 1) / 2; 2] }
    }

    /// Windows that touch and do not overlap, without padding.
    pub const fn tiles(side: usize) -> Window {
        Window { kernel: [side; 2], stride: [side; 2], padding: [0; 2] }
    }

    /// Rows and columns of the result: ⌊(size + 2·padding − kernel) / stride⌋ + 1.
    ///
    /// # Panics
    /// If a side of the kernel or the stride is 0, the window does not fit into the padded map, or the padding is as large
    /// as the kernel.
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let (kernel, stride, padding) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
            assert!(kernel > 0 && stride > 0, "a window of {kernel} that moves by {stride}");
            assert!(padding < kernel, "a padding of {padding} for a window of {kernel}");
            let padded = size[axis] + 2 * padding;
            assert!(kernel <= padded, "a window of {kernel} on {padded} rows or columns, padding included");
            (padded - kernel) / stride + 1
        })
    }

    /// Places of the window's elements: kernel rows times columns.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether it looks at one element at a time, and at every one.
    pub fn is_pointwise(&self) -> bool {
        *self == Window::square(1, 1)
    }
}

/// A window on maps of a certain size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The window.
    pub window: Window,
    /// Maps in the batch.
    pub batch: usize,
    /// Rows and columns of the input.
    pub input: [usize; 2],
    /// Rows and columns of the output.
    pub output: [usize; 2],
    /// Channels of the input.
    pub channels: usize,
}

impl Geometry {
    /// For an input `[batch, height, width, channels]`; panics as [`Window::output`] does.
    pub fn new(shape: [usize; 4], window: Window) -> Geometry {
        let input = [shape[1], shape[2]];
        Geometry { window, batch: shape[0], input, output: window.output(input), channels: shape[3] }
    }

    /// Elements of one map of the input.
    pub fn in_map(&self) -> usize {
        self.input[0] * self.input[1] * self.channels
    }

    /// Places of the window in one map.
    pub fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// The input row or column (`axis` 0 or 1) under element `tap` of the window at `place`, if it is not padding.
    #[inline(always)]
    pub fn under(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        let at = place * self.window.stride[axis] + tap;
        at.checked_sub(self.window.padding[axis]).filter(|&at| at < self.input[axis])
    }
}

/// What follows a layer's sum, element by element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// max(z, 0).
    Relu,
    /// min(max(z, 0), 6).
    Relu6,
}

impl Activation {
    /// The values between which it lets z pass.
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Activation::None => (f64::NEG_INFINITY, f64::INFINITY),
            Activation::Relu => (0.0, f64::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
        }
    }
}
