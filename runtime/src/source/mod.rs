//! Where frames come from.

mod pictures;

use std::path::Path;

use crate::error::Error;
use crate::vision::frame::Frame;

pub use pictures::Pictures;

/// A frame and what it is called.
#[derive(Clone, Copy, Debug)]
pub struct Shot<'a> {
    /// The file, or the device.
    pub name: &'a str,
    /// The pixels.
    pub frame: Frame<'a>,
}

/// Yields frames one after another, each borrowed until the next is asked for.
pub trait Source {
    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// What makes this frame unreadable. A source may be asked again after one.
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error>;

    /// How many frames there will be in all, where that is known.
    fn count(&self) -> Option<usize>;
}

/// Opens what the command line calls SOURCE: a picture, or a folder of pictures.
///
/// # Errors
/// [`Error::Source`] says what the source is not.
pub fn open(name: &str) -> Result<Box<dyn Source>, Error> {
    Ok(Box::new(Pictures::open(Path::new(name))?))
}
