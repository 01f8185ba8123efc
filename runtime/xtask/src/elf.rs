//! Does a program need anything on the machine that it is to run on?

use anyhow::{Context, bail};

/// The program header that names the dynamic loader (System V ABI, chapter 5).
const PT_INTERP: u32 = 3;

/// Whether an ELF file names a dynamic loader, and so needs shared libraries.
pub fn needs_loader(file: &[u8]) -> anyhow::Result<bool> {
    if !file.starts_with(b"\x7fELF") || file.get(5) != Some(&1) {
        bail!("no little-endian ELF file");
    }
    // Where the table of program headers is, and how long and how many its entries are.
    let (offset, size, count) = match file.get(4) {
        Some(1) => (word(file, 28, 4)?, word(file, 42, 2)?, word(file, 44, 2)?),
        Some(2) => (word(file, 32, 8)?, word(file, 54, 2)?, word(file, 56, 2)?),
        _ => bail!("neither a 32-bit nor a 64-bit ELF file"),
    };
    for index in 0..count {
        let at = offset.checked_add(index * size).context("the program headers lie outside the file")?;
        if word(file, at, 4)? == PT_INTERP as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A little-endian number of `size` bytes.
fn word(file: &[u8], at: usize, size: usize) -> anyhow::Result<usize> {
    let bytes = at.checked_add(size).and_then(|end| file.get(at..end)).context("the ELF file ends too early")?;
    Ok(bytes.iter().rev().fold(0, |number, &byte| (number << 8) | usize::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_program_of_this_machine_needs_its_loader() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(needs_loader(&file).unwrap());
        assert!(needs_loader(&file[..60]).is_err());
    }

    #[test]
    fn a_program_without_that_header_is_static() {
        // A 64-bit header, and at 64 one program header of 56 bytes: PT_LOAD.
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (file[32], file[54], file[56], file[64]) = (64, 56, 1, 1);
        assert!(!needs_loader(&file).unwrap());
        file[64] = PT_INTERP as u8;
        assert!(needs_loader(&file).unwrap());
        assert!(needs_loader(b"#!/bin/sh").is_err());
    }
}
