//! The one error type of the library: what went wrong, in which file or node, and what to do about it.

use std::path::PathBuf;

/// Why a model, a picture or a contract was refused. The text names the file, the node or the key, and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A contract is wrong, or does not fit its model.
    #[error("contract: {key}: {problem}")]
    Contract {
        /// The key at fault.
        key: String,
        /// What is wrong with it, and the remedy.
        problem: String,
    },
}
