//! The machine that this runs on: what it is, and how it fares at the moment.
//!
//! Everything is read from `/proc`, `/sys` and `/dev` below a [`Root`], so that tests show it other machines. What a
//! machine does not tell is absent; nothing here fails.
//!
//! | file | what it reads |
//! |---|---|
//! | `root` | files below the root, none of which need be there |
//! | `model` | the board's name |
//! | `cpu` | the kinds of cores and the instruction sets that matter to kernels |
//! | `clock` | governor and clock |
//! | `thermal` | the processor's temperature |
//! | `throttle` | what the Raspberry Pi's firmware says about its supply and its limits |
//! | `memory` | this process's memory, the machine's, and the limits in between |
//! | `state` | what of this changes from second to second |
//! | `vitals` | temperature and throttling again and again, without allocating |

pub mod clock;
pub mod cpu;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod memory;
pub mod model;
mod root;
pub mod state;
pub mod thermal;
pub mod throttle;
pub mod vitals;

pub use root::Root;

use serde::Serialize;

/// What a machine is: nothing of this changes while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Board {
    /// The board's name, as its maker gave it.
    pub model: Option<String>,
    /// The processor.
    pub cpu: cpu::Cpu,
    /// Memory of the machine in bytes.
    pub memory_bytes: Option<u64>,
    /// Bytes of a page of memory.
    pub page_bytes: Option<u64>,
    /// The kernel's release.
    pub kernel: Option<String>,
}

impl Board {
    /// Looks at the machine.
    pub fn read(root: &Root) -> Board {
        Board {
            model: model::model(root),
            cpu: cpu::Cpu::read(root),
            memory_bytes: memory::Machine::read(root).total,
            page_bytes: memory::page_bytes(root),
            kernel: root.text("proc/sys/kernel/osrelease"),
        }
    }
}
