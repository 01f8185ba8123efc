//! The one error type of the library: what went wrong, in which file or node, and what to do about it.

use std::path::{Path, PathBuf};

pub use retort_vision::{ContractError, FrameError};

use crate::contract::Unrecognised;
use crate::signature::SignatureProblem;

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
    /// A model cannot be loaded or run.
    #[error("{path}: {problem}", path = path.display())]
    Model {
        /// The model's file.
        path: PathBuf,
        /// What is wrong, naming the node where there is one.
        problem: String,
    },
    /// A part of the model would run as a fallback step where that is not allowed.
    #[error(
        "{path}: {count} step(s) would fall back to tract and allocate, the first at {first}: {reason}",
        path = path.display()
    )]
    Fallback {
        /// The model's file.
        path: PathBuf,
        /// How many steps.
        count: usize,
        /// The first of them.
        first: String,
        /// Why no step of the plan covers it.
        reason: String,
    },
    /// A file is not signed as it has to be.
    #[error("{path}: {problem}", path = path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// What is wrong with its signature, and the remedy.
        problem: SignatureProblem,
    },
    /// A contract is wrong, or does not fit its model.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A model comes without a contract, so nobody knows what its outputs mean.
    #[error(
        "{model}: the model carries no contract{why}; describe it in {sidecar}, or name such a file with --contract",
        model = model.display(), sidecar = sidecar.display(),
        why = why.as_ref().map(|why| format!(", and {why}")).unwrap_or_default()
    )]
    NoContract {
        /// The model's file.
        model: PathBuf,
        /// Where a sidecar would have been found.
        sidecar: PathBuf,
        /// Why the model was not recognised, where that was tried.
        why: Option<Unrecognised>,
    },
    /// A model does not know what it was taught, so that nothing can be said to be unlike it.
    #[error(
        "{model}: its contract has no prototypes of what it was taught; train it with \
         `retort-train distill --set coverage.prototypes=16`, which puts them there",
        model = model.display()
    )]
    NoCoverage {
        /// The model's file.
        model: PathBuf,
    },
    /// The pixels of a frame do not fit what is said about them.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A picture could not be read.
    #[error("{path}: {problem}", path = path.display())]
    Picture {
        /// The picture's file.
        path: PathBuf,
        /// What is wrong with it, and the remedy.
        problem: String,
    },
    /// A source of pictures has none.
    #[error("{name}: {problem}")]
    Source {
        /// The source as it was given.
        name: String,
        /// What is wrong with it, and the remedy.
        problem: String,
    },
    /// A source stopped delivering. Asked again, it looks for what it lost.
    #[error("{name}: {problem}")]
    Lost {
        /// The source as it was given.
        name: String,
        /// How it was lost, and what comes next.
        problem: String,
    },
    /// A configuration is wrong.
    #[error("{path}: {problem}", path = path.display())]
    Config {
        /// The configuration's file.
        path: PathBuf,
        /// What is wrong with it, with the line or the key, and the remedy.
        problem: String,
    },
    /// Results cannot be sent where they should go.
    #[error("{name}: {problem}")]
    Sink {
        /// The kind of sink.
        name: &'static str,
        /// What is wrong, naming the key of its configuration, and the remedy.
        problem: String,
    },
    /// A display cannot be shown on.
    #[error("{name}: {problem}")]
    Display {
        /// The display as it was given.
        name: String,
        /// What is wrong with it, and the remedy.
        problem: String,
    },
    /// Something is wrong in a file.
    #[error("{path}: {source}", path = path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: Box<Error>,
    },
}

impl Error {
    /// The same error, saying which file it is in.
    pub fn in_file(self, path: &Path) -> Error {
        Error::InFile { path: path.into(), source: Box::new(self) }
    }
}
