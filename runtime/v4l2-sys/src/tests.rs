//! Sizes, alignments and offsets, as gcc 12 has them of Linux 6.1's `<linux/videodev2.h>` on x86-64, and on ARM EABI with
//! seconds of 32 and of 64 bits.

use core::mem::{align_of, offset_of, size_of};

use super::*;

const WIDE: bool = size_of::<usize>() == 8;

/// Size and alignment of each structure.
macro_rules! laid_out {
    ($($name:ident $size:expr, $align:expr;)*) => {$(
        assert_eq!((size_of::<$name>(), align_of::<$name>()), ($size, $align), stringify!($name));
    )*};
}

#[test]
fn structures_of_fixed_fields() {
    laid_out! {
        v4l2_capability 104, 4;
        v4l2_control 8, 4;
        v4l2_ext_control 20, 1;
        v4l2_querymenu 44, 1;
        v4l2_fract 8, 4;
        v4l2_fmtdesc 64, 4;
        v4l2_pix_format 48, 4;
        v4l2_captureparm 40, 4;
        v4l2_outputparm 40, 4;
        v4l2_streamparm 204, 4;
        v4l2_frmsizeenum 44, 4;
        v4l2_frmivalenum 52, 4;
        v4l2_requestbuffers 20, 4;
        v4l2_exportbuffer 64, 4;
        v4l2_timecode 16, 4;
        v4l2_audio 52, 4;
        v4l2_audioout 52, 4;
        v4l2_crop 20, 4;
        v4l2_cropcap 44, 4;
        v4l2_queryctrl 68, 4;
        v4l2_encoder_cmd 40, 4;
        v4l2_frequency 44, 4;
        v4l2_jpegcompression 140, 4;
        v4l2_modulator 68, 4;
        v4l2_sliced_vbi_cap 116, 4;
        v4l2_tuner 84, 4;
    }
}

/// On every machine that Retort is built for, a 64-bit integer is aligned to 8 bytes; 32-bit x86 is none of them.
#[test]
#[cfg(not(target_arch = "x86"))]
fn structures_with_64_bit_integers() {
    laid_out! {
        v4l2_query_ext_ctrl 232, 8;
        v4l2_enc_idx 2072, 8;
        v4l2_input 80, 8;
        v4l2_output 72, 8;
        v4l2_standard 72, 8;
    }
}

#[test]
fn structures_with_pointers() {
    let (word, [format, edid, framebuffer, controls]) =
        if WIDE { (8, [208, 40, 48, 32]) } else { (4, [204, 36, 44, 24]) };
    laid_out! {
        v4l2_format format, word;
        v4l2_edid edid, word;
        v4l2_framebuffer framebuffer, word;
        v4l2_ext_controls controls, word;
    }
    assert_eq!(offset_of!(v4l2_format, fmt), word);
}

/// The one structure that changes with the C library's seconds.
#[test]
#[cfg(not(target_arch = "x86"))]
fn buffers() {
    let ([timestamp, timecode, sequence, m, length], size) = match (WIDE, size_of::<time_t>()) {
        (true, 8) => ([24, 40, 56, 64, 72], 88),
        (false, 8) => ([24, 40, 56, 64, 68], 80),
        (false, 4) => ([20, 28, 44, 52, 56], 68),
        other => panic!("no such C library: {other:?}"),
    };
    assert_eq!(size_of::<v4l2_buffer>(), size);
    assert_eq!(offset_of!(v4l2_buffer, timestamp), timestamp);
    assert_eq!(offset_of!(v4l2_buffer, timecode), timecode);
    assert_eq!(offset_of!(v4l2_buffer, sequence), sequence);
    assert_eq!(offset_of!(v4l2_buffer, m), m);
    assert_eq!(offset_of!(v4l2_buffer, length), length);
}

#[test]
fn fields_that_are_read() {
    assert_eq!(offset_of!(v4l2_capability, device_caps), 88);
    assert_eq!(offset_of!(v4l2_fmtdesc, pixelformat), 44);
    assert_eq!(offset_of!(v4l2_pix_format, quantization), 40);
    assert_eq!(offset_of!(v4l2_frmsizeenum, __bindgen_anon_1), 12);
    assert_eq!(offset_of!(v4l2_frmivalenum, __bindgen_anon_1), 20);
    assert_eq!(offset_of!(v4l2_captureparm, timeperframe), 8);
    assert_eq!(offset_of!(v4l2_query_ext_ctrl, minimum), 40);
    assert_eq!(offset_of!(v4l2_query_ext_ctrl, flags), 72);
    assert_eq!(offset_of!(v4l2_ext_control, __bindgen_anon_1), 12);
    assert_eq!(offset_of!(v4l2_querymenu, __bindgen_anon_1), 8);
}
