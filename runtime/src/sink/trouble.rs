//! What goes wrong on a sink's thread, told where the sink takes its next frame.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;

/// The newest error of a thread, until somebody takes it.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    /// The thread's work went well, or did not.
    pub fn note(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// The error, once.
    ///
    /// # Errors
    /// It.
    pub fn take(&self) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// The thread does not keep up; or it has said why.
    pub(super) fn overrun(&self, what: &str, folder: &Path) -> Error {
        self.take().err().unwrap_or_else(|| Error::Io {
            path: folder.into(),
            source: std::io::Error::other(format!("the disk does not keep up with the {what}; some are lost")),
        })
    }
}
