//! Where pictures come from and how they reach a network.
//!
//! A [`Collection`] is a set of pictures on disk, in any of the [`formats`] that are about; its pixels are decoded when asked
//! for. [`scenes`] are drawn instead.

mod augment;
mod collection;
mod decode;
mod error;
pub mod formats;
mod frames;
mod item;
mod rng;
mod sample;
pub mod scenes;
mod video;
mod stopgap;
mod walk;

pub use augment::Turn;
pub use collection::{Collection, OpenOptions, Task};
pub use error::{DataError, Fault, Problem};
pub use frames::Frames;
pub use item::{Item, Part, Pixels};
pub use rng::Rng;
pub use sample::{Label, Sample};
pub use scenes::{CLASSES, Dataset, Scene, Split};
pub use video::Video;
pub use stopgap::*;
pub use walk::Walk;
