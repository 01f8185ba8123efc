//! Where pictures come from and how they reach a network.
//!
//! A [`Collection`] is a set of pictures on disk, in any of the [`formats`] that are about; its pixels are decoded when asked
//! for. [`scenes`] are drawn instead.

mod augment;
pub mod check;
mod collection;
mod decode;
mod divide;
mod error;
pub mod formats;
mod frames;
mod item;
mod prefetch;
mod rng;
mod sample;
pub mod scenes;
mod store;
mod usable;
mod video;
mod walk;

pub use augment::{Augmentation, Target, Turn};
pub use collection::{Collection, OpenOptions, Task};
pub use divide::Shares;
pub use error::{DataError, Fault, Problem};
pub(crate) use formats::mot;
pub use frames::Frames;
pub use item::{Item, Part, Pixels};
pub use prefetch::Prefetch;
pub use rng::Rng;
pub use sample::{Label, Mixed, Sample};
pub use scenes::{CLASSES, Dataset, Scene, Split};
pub use store::{Pictures, Store};
pub use usable::{Look, Need};
pub use video::Video;
pub use walk::Walk;
