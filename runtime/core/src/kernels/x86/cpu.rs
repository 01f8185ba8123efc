//! What this processor can do, asked of itself: `std` would know, but kernels have none.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// The instruction sets that matter to kernels, each with the operating system's leave to use its registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// AVX2 and FMA.
    pub avx2: bool,
    /// AVX-VNNI: byte dot products on 256-bit vectors, in VEX encoding.
    pub avx_vnni: bool,
    /// AVX512 F, BW, DQ, VL and VNNI.
    pub avx512_vnni: bool,
    /// The same and AVX512-VBMI: bytes picked among 128.
    pub avx512_vbmi: bool,
    /// The same and AMX-INT8: products of bytes on tiles. The system may want to be asked before they are used.
    pub amx_int8: bool,
}

/// Bit `index` of `word`.
fn bit(word: u32, index: u32) -> bool {
    word >> index & 1 == 1
}

/// Asks the processor.
///
/// Bits as in the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID; register state as in
/// volume 1, section 13.3.
pub fn features() -> Features {
    if __cpuid(0).eax < 7 {
        return Features::default();
    }
    let basic = __cpuid(1).ecx;
    let (fma, osxsave, avx) = (bit(basic, 12), bit(basic, 27), bit(basic, 28));
    if !(osxsave && avx) {
        return Features::default();
    }
    let state = enabled_state();
    let extended = __cpuid_count(7, 0);
    // The halves of the 256-bit registers; then masks, the upper halves of the 512-bit ones, and the sixteen further ones.
    let (ymm, zmm) = (state & 0x06 == 0x06, state & 0xe6 == 0xe6);
    // The shapes of tiles, and what is in them.
    let tiles = state & 0x6_0000 == 0x6_0000 && bit(extended.edx, 24);
    let (b, c) = (extended.ebx, extended.ecx);
    let avx2 = ymm && fma && bit(b, 5);
    let avx_vnni = extended.eax >= 1 && bit(__cpuid_count(7, 1).eax, 4);
    let (f, dq, bw, vl, vnni) = (bit(b, 16), bit(b, 17), bit(b, 30), bit(b, 31), bit(c, 11));
    let avx512_vnni = avx2 && zmm && f && dq && bw && vl && vnni;
    let avx512_vbmi = avx512_vnni && bit(c, 1);
    let amx_int8 = avx512_vbmi && tiles && bit(extended.edx, 25);
    Features { avx2, avx_vnni: avx2 && avx_vnni, avx512_vnni, avx512_vbmi, amx_int8 }
}

/// Which register state the operating system saves.
#[allow(unsafe_code)]
fn enabled_state() -> u64 {
    #[target_feature(enable = "xsave")]
    fn read() -> u64 {
        // SAFETY: register 0 exists wherever XGETBV does.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: only called where CPUID says that the operating system has enabled XSAVE, and with it XGETBV.
    unsafe { read() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::arch::is_x86_feature_detected as detected;

    #[test]
    fn agrees_with_the_standard_library() {
        let avx2 = detected!("avx2") && detected!("fma");
        let avx512 = detected!("avx512f") && detected!("avx512bw") && detected!("avx512dq") && detected!("avx512vl");
        let expected = Features {
            avx2,
            avx_vnni: avx2 && detected!("avxvnni"),
            avx512_vnni: avx2 && avx512 && detected!("avx512vnni"),
            avx512_vbmi: avx2 && avx512 && detected!("avx512vnni") && detected!("avx512vbmi"),
            // The standard library tells this to nightly compilers only.
            amx_int8: features().amx_int8,
        };
        assert_eq!(features(), expected);
    }
}
