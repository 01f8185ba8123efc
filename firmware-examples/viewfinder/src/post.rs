//! The one place for a picture between the loop that draws and the clerk who shows: a newer picture takes the place of an older
//! one, so that neither waits for the other. Their memory goes round.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use retort::display::Depth;

/// A screen's width and height, and its depth.
pub type Shape = ([usize; 2], Depth);

/// The place.
#[derive(Default)]
pub struct Post {
    letter: Mutex<Letter>,
    news: Condvar,
}

#[derive(Default)]
struct Letter {
    /// What is to be drawn for, while there is a screen.
    shape: Option<Shape>,
    pixels: Vec<u8>,
    is_new: bool,
    ended: bool,
}

/// What the clerk hears.
pub struct Heard {
    /// Whether there is a new picture.
    pub is_new: bool,
    /// Whether there will be no other.
    pub ended: bool,
}

impl Post {
    fn lock(&self) -> MutexGuard<'_, Letter> {
        self.letter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The screen, as far as there is one.
    pub fn shape(&self) -> Option<Shape> {
        self.lock().shape
    }

    /// There is a screen, or none any more. Takes the memory that a picture will need.
    pub fn set_shape(&self, shape: Option<Shape>) {
        let mut letter = self.lock();
        (letter.shape, letter.is_new) = (shape, false);
        letter.pixels = shape.map_or(Vec::new(), |([width, height], _)| Vec::with_capacity(width * height * 3));
    }

    /// Leaves a picture for a screen of that shape: `exchange` swaps its pixels for memory. If the screen is another one by now,
    /// nothing is left.
    pub fn leave(&self, shape: Shape, exchange: impl FnOnce(&mut Vec<u8>)) {
        let mut letter = self.lock();
        if letter.shape == Some(shape) {
            exchange(&mut letter.pixels);
            letter.is_new = true;
            self.news.notify_one();
        }
    }

    /// There will be no other picture.
    pub fn end(&self) {
        self.lock().ended = true;
        self.news.notify_one();
    }

    /// Waits for a picture or the end, at most so long; a new picture is in `pixels` then.
    pub fn wait(&self, patience: Duration, pixels: &mut Vec<u8>) -> Heard {
        let waits = |letter: &mut Letter| !letter.is_new && !letter.ended;
        let waited = self.news.wait_timeout_while(self.lock(), patience, waits);
        let (mut letter, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_new = std::mem::take(&mut letter.is_new);
        if is_new {
            std::mem::swap(&mut letter.pixels, pixels);
        }
        Heard { is_new, ended: letter.ended }
    }
}
