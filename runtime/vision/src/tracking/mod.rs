//! Who is who from one frame to the next.
//!
//! A [`Tracker`] takes a frame's detections and says which track each goes on (ByteTrack, Zhang et al. 2022): it expects every
//! track where its [`Motion`] brings it, gives first the detections that are sure to the tracks they overlap, by the
//! [`Assignment`] that is best in all, and then those that are not to the tracks that are left. So an object that is half
//! hidden, and whose score drops, keeps its track, while a faint false alarm never starts one.
//!
//! Everything has its place from the start, so that a frame does not allocate.

mod assignment;
mod following;
mod motion;
mod tracker;

pub use assignment::Assignment;
pub use following::{Followed, Following};
pub use motion::Motion;
pub use tracker::{Contradiction, Track, Tracker, TrackerOptions};
