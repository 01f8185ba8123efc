//! A detector for a machine without operating system, allocator or files: the plan lies in flash, the arena in static
//! memory, and the picture is written where the first step reads it.
//!
//! [`flash`] holds both, [`detector`] runs the one in the other, [`map`] and [`head`] read the outputs, [`found`] keeps
//! the best in fixed storage. [`scene`] draws a picture to look at, where a board would have a camera write one, and
//! [`report`] says what was seen of it in lines that are the same on every machine.
#![no_std]
#![forbid(unsafe_code)]

pub mod detector;
pub mod flash;
pub mod found;
pub mod head;
pub mod map;
pub mod report;
pub mod scene;

pub use detector::{Detector, Error};
pub use flash::Arena;
pub use found::{Found, Object};
pub use report::Report;
