//! Numbers to compute with. What they are changes no kernel's time as long as they are ordinary: not all equal, no
//! subnormal floats, no infinities.

/// The `index`-th byte of a fixed sequence that looks random: the high bits of a multiplicative hash (Knuth, The Art of
/// Computer Programming 3, 6.4).
pub fn byte(index: usize) -> u8 {
    ((index as u32).wrapping_mul(2_654_435_769) >> 24) as u8
}

/// The `index`-th float of that sequence, in −1..1.
pub fn float(index: usize) -> f32 {
    f32::from(byte(index)) / 128.0 - 1.0
}
