//! Buffers: how frames are handed to and fro.

use core::ffi::{c_int, c_ulong};

/// Seconds of the C library.
#[allow(deprecated, reason = "the C library this is linked with decides how long it is")]
pub type time_t = libc::time_t;

/// Time of a frame.
///
/// On 32-bit machines a C library has seconds of either 32 or 64 bits. The kernel serves both: it tells them apart by the
/// size of [`v4l2_buffer`], which is part of the ioctl's number. Microseconds are as wide as seconds in both of its
/// layouts, so both fields are [`time_t`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct timeval {
    /// Seconds.
    pub tv_sec: time_t,
    /// Microseconds.
    pub tv_usec: time_t,
}

/// SMPTE time code of a frame.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_timecode {
    /// Frames a second, as one of `V4L2_TC_TYPE_*`.
    pub type_: u32,
    /// Bits `V4L2_TC_FLAG_*`.
    pub flags: u32,
    /// Count within the second.
    pub frames: u8,
    /// Seconds.
    pub seconds: u8,
    /// Minutes.
    pub minutes: u8,
    /// Hours.
    pub hours: u8,
    /// Whatever the user put there.
    pub userbits: [u8; 4],
}

/// Asks for buffers (`VIDIOC_REQBUFS`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_requestbuffers {
    /// How many.
    pub count: u32,
    /// `V4L2_BUF_TYPE_*`.
    pub type_: u32,
    /// `V4L2_MEMORY_*`.
    pub memory: u32,
    /// What the driver can do.
    pub capabilities: u32,
    /// `V4L2_MEMORY_FLAG_*`.
    pub flags: u8,
    /// 0.
    pub reserved: [u8; 3],
}

/// Where a buffer lies; [`v4l2_buffer::memory`] says which field holds.
#[repr(C)]
#[derive(Clone, Copy)]
pub union v4l2_buffer__bindgen_ty_1 {
    /// To give to mmap.
    pub offset: u32,
    /// Address in user space.
    pub userptr: c_ulong,
    /// `struct v4l2_plane *` of multi-planar buffers.
    pub planes: *mut core::ffi::c_void,
    /// A dmabuf.
    pub fd: i32,
}

/// A request, or a reserved word of 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub union v4l2_buffer__bindgen_ty_2 {
    /// File descriptor of the request.
    pub request_fd: i32,
    /// 0.
    pub reserved: u32,
}

/// A buffer (`VIDIOC_QUERYBUF`, `VIDIOC_QBUF`, `VIDIOC_DQBUF`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct v4l2_buffer {
    /// Which of the requested ones.
    pub index: u32,
    /// `V4L2_BUF_TYPE_*`.
    pub type_: u32,
    /// Bytes of it that are filled.
    pub bytesused: u32,
    /// `V4L2_BUF_FLAG_*`.
    pub flags: u32,
    /// `V4L2_FIELD_*`.
    pub field: u32,
    /// When the frame was captured.
    pub timestamp: timeval,
    /// Its time code, where it has one.
    pub timecode: v4l2_timecode,
    /// Number of the frame since streaming began.
    pub sequence: u32,
    /// `V4L2_MEMORY_*`.
    pub memory: u32,
    /// Where it lies.
    pub m: v4l2_buffer__bindgen_ty_1,
    /// Bytes of the whole buffer.
    pub length: u32,
    /// 0.
    pub reserved2: u32,
    /// The request that it belongs to.
    pub __bindgen_anon_1: v4l2_buffer__bindgen_ty_2,
}

/// Exports a buffer as a dmabuf (`VIDIOC_EXPBUF`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_exportbuffer {
    /// `V4L2_BUF_TYPE_*`.
    pub type_: u32,
    /// Which buffer.
    pub index: u32,
    /// Which plane of it.
    pub plane: u32,
    /// As for open(2).
    pub flags: u32,
    /// The dmabuf.
    pub fd: c_int,
    /// 0.
    pub reserved: [u32; 11],
}
