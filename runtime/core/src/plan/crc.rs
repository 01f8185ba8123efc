//! CRC-32 as in IEEE 802.3 (reflected polynomial 0xEDB88320), eight bytes at a time by a table for each of their nibbles:
//! Kounavis and Berry's "slicing" (2005) with tables of one kilobyte in all, which suits small boards, too.

/// Nibbles of a block.
const NIBBLES: usize = 16;

/// `TABLES[i][n]` is the remainder of nibble `n` with `i` nibbles of zeros behind it.
const TABLES: [[u32; 16]; NIBBLES] = {
    let mut tables = [[0; 16]; NIBBLES];
    let mut nibble = 0;
    while nibble < 16 {
        let mut remainder = nibble as u32;
        let mut behind = 0;
        while behind < NIBBLES {
            let mut bit = 0;
            while bit < 4 {
                remainder = if remainder & 1 == 1 { remainder >> 1 ^ 0xEDB8_8320 } else { remainder >> 1 };
                bit += 1;
            }
            tables[behind][nibble] = remainder;
            behind += 1;
        }
        nibble += 1;
    }
    tables
};

/// The checksum of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32_after(0, bytes)
}

/// The checksum of something whose checksum is `before`, and of `bytes` behind it.
pub fn crc32_after(before: u32, bytes: &[u8]) -> u32 {
    let (blocks, rest) = bytes.as_chunks::<8>();
    let block = |crc: u32, block: &[u8; 8]| {
        let word = u64::from_le_bytes(*block) ^ u64::from(crc);
        (0..NIBBLES).fold(0, |sum, i| sum ^ TABLES[NIBBLES - 1 - i][(word >> (4 * i) & 15) as usize])
    };
    let nibble = |crc: u32, nibble: u32| crc >> 4 ^ TABLES[0][((crc ^ nibble) & 15) as usize];
    let crc = blocks.iter().fold(!before, block);
    !rest.iter().fold(crc, |crc, &byte| nibble(nibble(crc, byte.into()), u32::from(byte >> 4)))
}

#[cfg(test)]
mod tests {
    use super::{crc32, crc32_after};

    #[test]
    fn agrees_with_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
        // Whole blocks and a rest: 32 bytes of zeros, of 255, and 0 to 31 (RFC 3720's inputs, with this polynomial).
        assert_eq!(crc32(&[0; 32]), 0x190A_55AD);
        assert_eq!(crc32(&[255; 32]), 0xFF6C_AB0B);
        assert_eq!(crc32(&core::array::from_fn::<u8, 32, _>(|i| i as u8)), 0x9126_7E8A);
        assert_eq!(crc32_after(crc32(b"1234"), b"56789"), 0xCBF4_3926);
    }
}
