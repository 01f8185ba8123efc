//! A viewfinder: `retort run-service` with one more sink, which shows the live picture with its objects on a small display.
//!
//! ```text
//! camera ─► service ─► objects ─► picture ─► post ─► clerk ─► changed rectangles ─► ST7789    the last three on a
//!                                   as fast as frames come     as fast as the bus is          thread of their own
//! ```

pub mod overlay;
pub mod picture;
mod post;
pub mod status;
pub mod viewfinder;
