//! Structures of which `v4l` wants the size alone, as a part of the numbers of ioctls that Retort never makes.

use core::ffi::c_void;

/// Bits of analogue TV standards.
pub type v4l2_std_id = u64;

/// Structures as large as so many words.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $words:literal;)*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct $name([u32; $words]);
    )*};
}

words! {
    /// An audio input.
    v4l2_audio: 13;
    /// An audio output.
    v4l2_audioout: 13;
    /// A cropping rectangle.
    v4l2_crop: 5;
    /// Limits of cropping.
    v4l2_cropcap: 11;
    /// Old description of a control.
    v4l2_queryctrl: 17;
    /// What a video encoder is to do.
    v4l2_encoder_cmd: 10;
    /// A frequency that a tuner is set to.
    v4l2_frequency: 11;
    /// Old parameters of JPEG.
    v4l2_jpegcompression: 35;
    /// A modulator.
    v4l2_modulator: 17;
    /// What can be read of the vertical blanking interval.
    v4l2_sliced_vbi_cap: 29;
    /// A tuner.
    v4l2_tuner: 21;
}

/// Index of an MPEG stream: 64 entries of 64-bit fields.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_enc_idx([u32; 6], [u64; 64 * 4]);

/// Identification of a display.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_edid([u32; 8], *mut c_void);

/// Several controls. `v4l` has a definition of its own, whose fields it uses.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_ext_controls([u32; 5], *mut c_void);

/// A frame buffer to overlay.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_framebuffer([u32; 2], *mut c_void, [u32; 8]);

/// An input of the device.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_input([u32; 12], v4l2_std_id, [u32; 5]);

/// An output of the device.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_output([u32; 12], v4l2_std_id, [u32; 4]);

/// An analogue TV standard.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct v4l2_standard(u32, v4l2_std_id, [u32; 13]);
