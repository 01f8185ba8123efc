//! The table by which addresses are translated: each to itself, and only what lies there differs.
//!
//! It is part of the image, so nothing has to write it before the caches are on. `start.s` puts it in force.

/// A gigabyte, valid and accessed, for level 1 to read and write.
const BLOCK: u64 = 1 | 1 << 10;

/// Memory: the first of the kinds that `start.s` defines, shared among cores.
const MEMORY: u64 = BLOCK | 3 << 8;

/// A device: the second of them, from which no instruction is fetched.
const DEVICE: u64 = BLOCK | 1 << 2 | 3 << 53;

/// A level-1 table of 4 kB pages: an entry for each gigabyte.
#[repr(C, align(4096))]
pub struct Table([u64; 512]);

/// Devices in the first gigabyte, memory in the second, as QEMU's machine `virt` has them; nothing else.
#[unsafe(no_mangle)]
pub static TRANSLATION: Table = Table({
    let mut entries = [0; 512];
    entries[0] = DEVICE;
    entries[1] = 1 << 30 | MEMORY;
    entries
});
