//! Formats, sizes and rates of frames.

/// A ratio.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_fract {
    /// Above the line.
    pub numerator: u32,
    /// Below it.
    pub denominator: u32,
}

/// A pixel format that the device has (`VIDIOC_ENUM_FMT`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_fmtdesc {
    /// Which one is asked for.
    pub index: u32,
    /// `V4L2_BUF_TYPE_*`.
    pub type_: u32,
    /// `V4L2_FMT_FLAG_*`.
    pub flags: u32,
    /// Name, ended by 0.
    pub description: [u8; 32],
    /// Four characters.
    pub pixelformat: u32,
    /// Media bus code that it is asked for, or 0.
    pub mbus_code: u32,
    /// 0.
    pub reserved: [u32; 3],
}

/// Format of single-planar frames.
///
/// In C the field `ycbcr_enc` shares its place with `hsv_enc`; both are a word.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_pix_format {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Four characters.
    pub pixelformat: u32,
    /// `V4L2_FIELD_*`.
    pub field: u32,
    /// From one row's first byte to the next's.
    pub bytesperline: u32,
    /// Bytes of a frame at most.
    pub sizeimage: u32,
    /// `V4L2_COLORSPACE_*`.
    pub colorspace: u32,
    /// `V4L2_PIX_FMT_PRIV_MAGIC` where the fields below are valid.
    pub priv_: u32,
    /// `V4L2_PIX_FMT_FLAG_*`.
    pub flags: u32,
    /// `V4L2_YCBCR_ENC_*`.
    pub ycbcr_enc: u32,
    /// `V4L2_QUANTIZATION_*`.
    pub quantization: u32,
    /// `V4L2_XFER_FUNC_*`.
    pub xfer_func: u32,
}

/// Format of any type of buffer. One of C's members holds a pointer, hence the alignment of [`_pointers`](Self::_pointers).
#[repr(C)]
#[derive(Clone, Copy)]
pub union v4l2_format__bindgen_ty_1 {
    /// Single-planar.
    pub pix: v4l2_pix_format,
    /// Any.
    pub raw_data: [u8; 200],
    /// As aligned as the member that holds a pointer.
    pub _pointers: [usize; 0],
}

/// A format to set or get (`VIDIOC_S_FMT`, `VIDIOC_G_FMT`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct v4l2_format {
    /// `V4L2_BUF_TYPE_*`.
    pub type_: u32,
    /// The format.
    pub fmt: v4l2_format__bindgen_ty_1,
}

/// How a device captures.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_captureparm {
    /// Whether `timeperframe` can be set.
    pub capability: u32,
    /// `V4L2_MODE_HIGHQUALITY`.
    pub capturemode: u32,
    /// Seconds a frame.
    pub timeperframe: v4l2_fract,
    /// Driver's own.
    pub extendedmode: u32,
    /// Of read(2).
    pub readbuffers: u32,
    /// 0.
    pub reserved: [u32; 4],
}

/// How a device puts out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_outputparm {
    /// Whether `timeperframe` can be set.
    pub capability: u32,
    /// Modes.
    pub outputmode: u32,
    /// Seconds a frame.
    pub timeperframe: v4l2_fract,
    /// Driver's own.
    pub extendedmode: u32,
    /// Of write(2).
    pub writebuffers: u32,
    /// 0.
    pub reserved: [u32; 4],
}

/// Either of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub union v4l2_streamparm__bindgen_ty_1 {
    /// Of a capture device.
    pub capture: v4l2_captureparm,
    /// Of an output device.
    pub output: v4l2_outputparm,
    /// Any.
    pub raw_data: [u8; 200],
}

/// Parameters to set or get (`VIDIOC_S_PARM`, `VIDIOC_G_PARM`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct v4l2_streamparm {
    /// `V4L2_BUF_TYPE_*`.
    pub type_: u32,
    /// The parameters.
    pub parm: v4l2_streamparm__bindgen_ty_1,
}

/// Kinds of [`v4l2_frmsizeenum`].
pub type v4l2_frmsizetypes = u32;
/// One size.
pub const v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE: v4l2_frmsizetypes = 1;
/// Any size within limits.
pub const v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_CONTINUOUS: v4l2_frmsizetypes = 2;
/// Any size within limits, in steps.
pub const v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_STEPWISE: v4l2_frmsizetypes = 3;

/// One size.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_frmsize_discrete {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Sizes within limits.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_frmsize_stepwise {
    /// Least width.
    pub min_width: u32,
    /// Largest width.
    pub max_width: u32,
    /// From one width to the next.
    pub step_width: u32,
    /// Least height.
    pub min_height: u32,
    /// Largest height.
    pub max_height: u32,
    /// From one height to the next.
    pub step_height: u32,
}

/// Either of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub union v4l2_frmsizeenum__bindgen_ty_1 {
    /// One size.
    pub discrete: v4l2_frmsize_discrete,
    /// Sizes within limits.
    pub stepwise: v4l2_frmsize_stepwise,
}

/// Sizes that a format comes in (`VIDIOC_ENUM_FRAMESIZES`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct v4l2_frmsizeenum {
    /// Which one is asked for.
    pub index: u32,
    /// Four characters.
    pub pixel_format: u32,
    /// [`v4l2_frmsizetypes`].
    pub type_: u32,
    /// The size or sizes.
    pub __bindgen_anon_1: v4l2_frmsizeenum__bindgen_ty_1,
    /// 0.
    pub reserved: [u32; 2],
}

/// Kinds of [`v4l2_frmivalenum`].
pub type v4l2_frmivaltypes = u32;
/// One interval.
pub const v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE: v4l2_frmivaltypes = 1;
/// Any interval within limits.
pub const v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_CONTINUOUS: v4l2_frmivaltypes = 2;
/// Any interval within limits, in steps.
pub const v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_STEPWISE: v4l2_frmivaltypes = 3;

/// Intervals within limits.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_frmival_stepwise {
    /// Shortest, in seconds.
    pub min: v4l2_fract,
    /// Longest, in seconds.
    pub max: v4l2_fract,
    /// From one to the next, in seconds.
    pub step: v4l2_fract,
}

/// Either of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub union v4l2_frmivalenum__bindgen_ty_1 {
    /// One interval, in seconds.
    pub discrete: v4l2_fract,
    /// Intervals within limits.
    pub stepwise: v4l2_frmival_stepwise,
}

/// Intervals between frames of a format and size (`VIDIOC_ENUM_FRAMEINTERVALS`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct v4l2_frmivalenum {
    /// Which one is asked for.
    pub index: u32,
    /// Four characters.
    pub pixel_format: u32,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// [`v4l2_frmivaltypes`].
    pub type_: u32,
    /// The interval or intervals.
    pub __bindgen_anon_1: v4l2_frmivalenum__bindgen_ty_1,
    /// 0.
    pub reserved: [u32; 2],
}
