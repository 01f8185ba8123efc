//! The kinds of cores, and the instruction sets of theirs that matter to kernels.

use std::fmt;

use serde::Serialize;

use super::Root;

/// A processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// Its kinds of cores, in the order of their first core.
    pub cores: Vec<Cores>,
    /// What it has of the instruction sets that kernels use or might, as the kernel calls them.
    pub features: Vec<String>,
}

/// Cores of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cores {
    /// The name of the kind: `Cortex-A72`, or what the processor says of itself.
    pub name: String,
    /// How many of them.
    pub count: usize,
    /// Who designed it, on ARM.
    pub implementer: Option<u32>,
    /// Which of the designer's parts, on ARM.
    pub part: Option<u32>,
}

/// Arm's own parts (the primary part number in MIDR_EL1, from the technical reference manuals), and whether they can run
/// 64-bit programs.
const ARM_PARTS: &[(u32, &str, bool)] = &[
    (0xb76, "ARM1176", false),
    (0xc05, "Cortex-A5", false),
    (0xc07, "Cortex-A7", false),
    (0xc08, "Cortex-A8", false),
    (0xc09, "Cortex-A9", false),
    (0xc0d, "Cortex-A17", false),
    (0xc0e, "Cortex-A17", false),
    (0xc0f, "Cortex-A15", false),
    (0xd01, "Cortex-A32", false),
    (0xd02, "Cortex-A34", true),
    (0xd03, "Cortex-A53", true),
    (0xd04, "Cortex-A35", true),
    (0xd05, "Cortex-A55", true),
    (0xd07, "Cortex-A57", true),
    (0xd08, "Cortex-A72", true),
    (0xd09, "Cortex-A73", true),
    (0xd0a, "Cortex-A75", true),
    (0xd0b, "Cortex-A76", true),
    (0xd0c, "Neoverse-N1", true),
    (0xd0d, "Cortex-A77", true),
    (0xd0e, "Cortex-A76AE", true),
    (0xd40, "Neoverse-V1", true),
    (0xd41, "Cortex-A78", true),
    (0xd42, "Cortex-A78AE", true),
    (0xd44, "Cortex-X1", true),
    (0xd46, "Cortex-A510", true),
    (0xd47, "Cortex-A710", true),
    (0xd48, "Cortex-X2", true),
    (0xd49, "Neoverse-N2", true),
    (0xd4b, "Cortex-A78C", true),
    (0xd4d, "Cortex-A715", true),
    (0xd4e, "Cortex-X3", true),
    (0xd4f, "Neoverse-V2", true),
    (0xd80, "Cortex-A520", true),
    (0xd81, "Cortex-A720", true),
    (0xd82, "Cortex-X4", true),
];

/// Arm's number as a designer.
const ARM: u32 = 0x41;

/// Flags of `/proc/cpuinfo` that are worth naming.
const FEATURES: &[&str] = &[
    "neon",
    "asimd",
    "asimdhp",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
    "sse4_1",
    "avx",
    "fma",
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "amx_int8",
];

impl Cpu {
    /// Reads `/proc/cpuinfo`.
    pub fn read(root: &Root) -> Cpu {
        let text = root.text("proc/cpuinfo").unwrap_or_default();
        let mut cpu = Cpu::default();
        for block in text.split("\n\n") {
            // Blocks without a number are about the board.
            if value(block, "processor").is_some_and(|number| number.parse::<u32>().is_ok()) {
                cpu.add(block);
            }
        }
        cpu
    }

    fn add(&mut self, block: &str) {
        let hexadecimal = |key| u32::from_str_radix(value(block, key)?.trim_start_matches("0x"), 16).ok();
        let (implementer, part) = (hexadecimal("CPU implementer"), hexadecimal("CPU part"));
        let name = (arm_part(implementer, part).map(|(_, name, _)| (*name).to_string()))
            .or_else(|| value(block, "model name").map(str::to_string))
            .or_else(|| Some(format!("part {:#05x} of implementer {:#04x}", part?, implementer?)))
            .unwrap_or_else(|| "unknown".into());
        match self.cores.iter_mut().find(|cores| cores.name == name) {
            Some(cores) => cores.count += 1,
            None => self.cores.push(Cores { name, count: 1, implementer, part }),
        }
        let flags = value(block, "Features").or_else(|| value(block, "flags")).unwrap_or_default();
        for &feature in FEATURES {
            if flags.split_whitespace().any(|flag| flag == feature) && !self.features.iter().any(|f| f == feature) {
                self.features.push(feature.into());
            }
        }
    }

    /// How many cores there are; 0 where nothing is known.
    pub fn count(&self) -> usize {
        self.cores.iter().map(|cores| cores.count).sum()
    }

    /// Whether the kernel names this instruction set.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }

    /// Whether some core is an ARM one that could run 64-bit programs.
    pub fn is_arm64(&self) -> bool {
        self.cores.iter().any(|cores| arm_part(cores.implementer, cores.part).is_some_and(|&(_, _, wide)| wide))
    }
}

/// `4 × Cortex-A76, asimd asimddp`.
impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cores.is_empty() {
            return f.write_str("unknown");
        }
        for (index, cores) in self.cores.iter().enumerate() {
            write!(f, "{}{} × {}", if index > 0 { " + " } else { "" }, cores.count, cores.name)?;
        }
        if !self.features.is_empty() {
            write!(f, " ({})", self.features.join(" "))?;
        }
        Ok(())
    }
}

fn arm_part(implementer: Option<u32>, part: Option<u32>) -> Option<&'static (u32, &'static str, bool)> {
    ARM_PARTS.iter().find(|(number, _, _)| implementer == Some(ARM) && part == Some(*number))
}

/// What a block says of `key`.
fn value<'b>(block: &'b str, key: &str) -> Option<&'b str> {
    block.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then_some(value.trim()).filter(|value| !value.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_have_names() {
        let named = [
            (fixtures::zero2w(), "4 × Cortex-A53 (asimd)"),
            (fixtures::pi3_with_32_bits(), "4 × Cortex-A53 (neon)"),
            (fixtures::pi4(), "4 × Cortex-A72 (asimd)"),
            (fixtures::pi5(), "4 × Cortex-A76 (asimd asimdhp asimddp)"),
            (fixtures::pc(), "2 × ACME Core 9000 (sse4_1 avx fma avx2 avx512_vnni)"),
            (fixtures::bare(), "unknown"),
        ];
        for (machine, name) in named {
            assert_eq!(Cpu::read(&machine.root()).to_string(), name);
        }
    }

    #[test]
    fn cores_of_two_kinds_are_told_apart_and_strange_parts_shown_by_number() {
        let block = |n: u32, implementer: &str, part: &str| {
            format!("processor : {n}\nCPU implementer : {implementer}\nCPU part : {part}\n\n")
        };
        let text =
            block(0, "0x41", "0xd05") + &block(1, "0x41", "0xd05") + &block(2, "0x99", "0x123") + "Model : Board";
        let cpu = Cpu::read(&fixtures::bare().with("proc/cpuinfo", &text).root());
        assert_eq!(cpu.to_string(), "2 × Cortex-A55 + 1 × part 0x123 of implementer 0x99");
        assert_eq!((cpu.count(), cpu.is_arm64()), (3, true));
    }

    #[test]
    fn a_64_bit_core_is_known_under_a_32_bit_kernel() {
        assert!(Cpu::read(&fixtures::pi3_with_32_bits().root()).is_arm64());
        assert!(!Cpu::read(&fixtures::pc().root()).is_arm64());
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(processor|CPU part|flags|:|0x|[0-9]|\n| |\\PC){0,40}") {
            Cpu::read(&fixtures::bare().with("proc/cpuinfo", &text).root());
        }
    }
}
