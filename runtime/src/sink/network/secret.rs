//! What must not be shown: neither an error nor a debugger's print of it says what it is.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;

/// A password, or another text that only the other side may see.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// What a file says, without the end of its line.
    ///
    /// # Errors
    /// [`Error::Io`] names the file.
    pub fn read(path: &Path) -> Result<Secret, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
        Ok(Secret(text.trim_end_matches(['\r', '\n']).into()))
    }

    /// The text itself, for whom it is meant.
    pub(in crate::sink) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
