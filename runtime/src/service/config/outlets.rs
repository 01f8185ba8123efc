//! Where results go: the table `[to]`, a part for each sink.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::place::Places;

/// What is wanted of each sink; one that is not named is not there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct OutletOptions {
    /// Lines of JSON.
    pub json: Option<JsonOptions>,
}

/// Lines of JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct JsonOptions {
    /// A file that lines are appended to; standard output where none is named.
    pub file: Option<PathBuf>,
    /// Whether there is a line for each frame.
    pub frames: bool,
    /// Whether there is a line for each event.
    pub events: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        JsonOptions { file: None, frames: false, events: true }
    }
}

impl OutletOptions {
    pub(super) fn check(&self) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(json) = &mut self.json {
            json.file = json.file.take().map(|file| folder.join(file));
        }
    }

    /// Requires that every place that is named is there.
    ///
    /// # Errors
    /// What there is not, with the key.
    pub fn check_places(&self, _: &Places) -> Result<(), String> {
        Ok(())
    }
}
