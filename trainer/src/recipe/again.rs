//! The table `[again]`.

use serde::{Deserialize, Serialize};

/// A student that is taught on, with pictures that its camera has kept since.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Again {
    /// The run folder whose student is taught on; if empty, a student begins from nothing.
    pub from: String,
    /// Folders of `retort collect`, or other pictures without labels, that the student learns from beside those of its run. The
    /// last fifth of each is measured on.
    pub add: Vec<String>,
}
