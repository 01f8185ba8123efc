//! What a device is and what can be set on it.

use core::ffi::{c_char, c_void};

/// In an id: the next control after it is meant.
pub const V4L2_CTRL_FLAG_NEXT_CTRL: u32 = 0x8000_0000;
/// In an id: controls of compound types are meant, too.
pub const V4L2_CTRL_FLAG_NEXT_COMPOUND: u32 = 0x4000_0000;

/// What a device is (`VIDIOC_QUERYCAP`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_capability {
    /// Name of the driver, ended by 0.
    pub driver: [u8; 16],
    /// Name of the device, ended by 0.
    pub card: [u8; 32],
    /// Where it is plugged in, ended by 0.
    pub bus_info: [u8; 32],
    /// Of the kernel: major, minor and patch in a byte each.
    pub version: u32,
    /// `V4L2_CAP_*` of all nodes of the hardware.
    pub capabilities: u32,
    /// `V4L2_CAP_*` of this node.
    pub device_caps: u32,
    /// 0.
    pub reserved: [u32; 3],
}

/// A control's value (`VIDIOC_G_CTRL`, `VIDIOC_S_CTRL`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_control {
    /// `V4L2_CID_*`.
    pub id: u32,
    /// The value.
    pub value: i32,
}

/// Value of an extended control; its type says which field holds. Packed, as in C.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub union v4l2_ext_control__bindgen_ty_1 {
    /// Of 32 bits.
    pub value: i32,
    /// Of 64 bits.
    pub value64: i64,
    /// A string of `size` bytes.
    pub string: *mut c_char,
    /// An array of `size` bytes.
    pub p_u8: *mut u8,
    /// An array of `size` bytes.
    pub p_u16: *mut u16,
    /// An array of `size` bytes.
    pub p_u32: *mut u32,
    /// Any compound of `size` bytes.
    pub ptr: *mut c_void,
}

/// One control of `VIDIOC_G_EXT_CTRLS` and the like. Packed, as in C.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct v4l2_ext_control {
    /// `V4L2_CID_*`.
    pub id: u32,
    /// Bytes behind a pointer.
    pub size: u32,
    /// 0.
    pub reserved2: [u32; 1],
    /// The value.
    pub __bindgen_anon_1: v4l2_ext_control__bindgen_ty_1,
}

/// Describes a control (`VIDIOC_QUERY_EXT_CTRL`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_query_ext_ctrl {
    /// `V4L2_CID_*`.
    pub id: u32,
    /// `V4L2_CTRL_TYPE_*`.
    pub type_: u32,
    /// Name, ended by 0.
    pub name: [c_char; 32],
    /// Least value.
    pub minimum: i64,
    /// Largest value.
    pub maximum: i64,
    /// From one value to the next.
    pub step: u64,
    /// Value after the driver was loaded.
    pub default_value: i64,
    /// `V4L2_CTRL_FLAG_*`.
    pub flags: u32,
    /// Bytes of an element.
    pub elem_size: u32,
    /// Elements of an array.
    pub elems: u32,
    /// Dimensions of an array.
    pub nr_of_dims: u32,
    /// Lengths of the dimensions.
    pub dims: [u32; 4],
    /// 0.
    pub reserved: [u32; 32],
}

/// Name or value of a menu's item; the menu's type says which.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub union v4l2_querymenu__bindgen_ty_1 {
    /// Name, ended by 0.
    pub name: [u8; 32],
    /// Value.
    pub value: i64,
}

/// An item of a menu (`VIDIOC_QUERYMENU`). Packed, as in C.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct v4l2_querymenu {
    /// The menu's `V4L2_CID_*`.
    pub id: u32,
    /// Which item.
    pub index: u32,
    /// Its name or value.
    pub __bindgen_anon_1: v4l2_querymenu__bindgen_ty_1,
    /// 0.
    pub reserved: u32,
}
