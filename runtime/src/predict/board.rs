//! The boards: facts about their cores, caches and memory, kept as data so that they are easy to correct.

use retort_core::kernels::KernelSet;

use crate::model::LoadOptions;

/// A kind of core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Core {
    /// Its name.
    pub name: &'static str,
    /// The kernels that run on it.
    pub kernels: Kernels,
    /// Instructions a cycle in products and general convolutions of bytes.
    pub ipc_int8: f64,
    /// The same, of floats.
    pub ipc_f32: f64,
    /// Instructions a cycle in depthwise convolutions, which load and store more.
    pub ipc_depthwise: f64,
    /// Instructions a cycle in everything else.
    pub ipc_other: f64,
    /// The most 8-bit multiply-accumulates a cycle, and of floats.
    pub peak_int8: f64,
    /// See above.
    pub peak_f32: f64,
    /// Bytes a cycle from the second-level cache.
    pub l2_bytes_per_cycle: f64,
    /// What share of the shorter of computing and waiting for memory is hidden behind the longer.
    pub overlap: f64,
    /// Bytes of the first-level data cache.
    pub l1_bytes: u64,
}

/// The kernel sets that boards use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// NEON as every aarch64 processor has it.
    Neon,
    /// NEON with byte dot products.
    NeonDotprod,
}

impl Kernels {
    /// The kernel set.
    pub fn set(self) -> KernelSet {
        match self {
            Kernels::Neon => KernelSet::Neon,
            Kernels::NeonDotprod => KernelSet::NeonDotprod,
        }
    }

    /// The name of the kernel set.
    pub fn name(self) -> &'static str {
        self.set().name()
    }
}

/// A board.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Board {
    /// The name by which users choose it.
    pub key: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its cores, all of one kind.
    pub core: Core,
    /// How many.
    pub cores: usize,
    /// The clock in 10⁹ cycles a second.
    pub ghz: f64,
    /// Bytes of the last-level cache.
    pub cache_bytes: u64,
    /// Bytes a second that one core moves from and to memory, in 10⁹.
    pub memory_one_core: f64,
    /// Bytes a second that all cores together move.
    pub memory_all_cores: f64,
}

/// In order, two instructions a cycle at best.
const CORTEX_A53: Core = Core {
    name: "Cortex-A53",
    kernels: Kernels::Neon,
    ipc_int8: 0.7,
    ipc_f32: 0.6,
    ipc_depthwise: 0.55,
    ipc_other: 0.7,
    peak_int8: 8.0,
    peak_f32: 4.0,
    l2_bytes_per_cycle: 4.0,
    overlap: 0.3,
    l1_bytes: 32 << 10,
};

/// Out of order, three instructions a cycle; one of the two vector pipes multiplies integers.
const CORTEX_A72: Core = Core {
    name: "Cortex-A72",
    kernels: Kernels::Neon,
    ipc_int8: 1.25,
    ipc_f32: 0.95,
    ipc_depthwise: 1.1,
    ipc_other: 1.3,
    peak_int8: 8.0,
    peak_f32: 4.0,
    l2_bytes_per_cycle: 8.0,
    overlap: 0.7,
    l1_bytes: 32 << 10,
};

/// Out of order, four instructions a cycle; both vector pipes have byte dot products.
const CORTEX_A76: Core = Core {
    name: "Cortex-A76",
    kernels: Kernels::NeonDotprod,
    ipc_int8: 2.3,
    ipc_f32: 1.9,
    ipc_depthwise: 2.0,
    ipc_other: 2.2,
    peak_int8: 32.0,
    peak_f32: 8.0,
    l2_bytes_per_cycle: 16.0,
    overlap: 0.8,
    l1_bytes: 64 << 10,
};

/// The boards that there are figures for.
pub const BOARDS: [Board; 4] = [
    Board {
        key: "zero2w",
        name: "Raspberry Pi Zero 2 W",
        core: CORTEX_A53,
        cores: 4,
        ghz: 1.0,
        cache_bytes: 512 << 10,
        memory_one_core: 1.0,
        memory_all_cores: 1.4,
    },
    Board {
        key: "pi3",
        name: "Raspberry Pi 3 Model B+",
        core: CORTEX_A53,
        cores: 4,
        ghz: 1.4,
        cache_bytes: 512 << 10,
        memory_one_core: 2.0,
        memory_all_cores: 2.6,
    },
    Board {
        key: "pi4",
        name: "Raspberry Pi 4 Model B",
        core: CORTEX_A72,
        cores: 4,
        ghz: 1.8,
        cache_bytes: 1 << 20,
        memory_one_core: 4.0,
        memory_all_cores: 5.0,
    },
    Board {
        key: "pi5",
        name: "Raspberry Pi 5",
        core: CORTEX_A76,
        cores: 4,
        ghz: 2.4,
        cache_bytes: 2 << 20,
        memory_one_core: 9.0,
        memory_all_cores: 12.0,
    },
];

impl Board {
    /// The board that users call so.
    pub fn named(key: &str) -> Option<&'static Board> {
        BOARDS.iter().find(|board| board.key == key)
    }

    /// How to load an ONNX file as the board would: how much memory weights take depends on the kernels.
    pub fn options(&self, options: LoadOptions) -> LoadOptions {
        LoadOptions { kernel_set: Some(self.core.kernels.set()), for_any_processor: true, ..options }
    }
}
