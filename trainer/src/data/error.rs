//! What can be wrong with a set of pictures: errors that end the work, and problems that are counted and left out.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a set, or one of its pictures, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of labels, or a folder, is not what its format wants.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file or folder.
        path: PathBuf,
        /// Where in it, what is wrong, and what to do.
        problem: String,
    },
    /// A picture that cannot be decoded.
    #[error("{name}: {problem}")]
    Picture {
        /// The picture.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing to learn from, or not what was asked for.
    #[error("{}: {problem}", path.display())]
    Unusable {
        /// Where the set was opened.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl DataError {
    /// An error of reading `path`.
    pub(super) fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> DataError {
        move |source| DataError::Io { path: path.as_ref().into(), source }
    }

    /// A file that is not what its format wants.
    pub(super) fn format(path: impl AsRef<Path>, problem: impl Into<String>) -> DataError {
        DataError::Format { path: path.as_ref().into(), problem: problem.into() }
    }
}

/// Kinds of problems, in the order in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A label's class is not among the set's. Refused: the class names are wrong, and so may be every other label.
    UnknownClass,
    /// A line or entry of labels that cannot be read. Left out.
    UnreadableLabel,
    /// A box with a side that is not a finite number. Left out.
    NotFinite,
    /// A box without width or height, or less than a pixel in either. Left out.
    Degenerate,
    /// A box that lies wholly outside of its picture. Left out.
    Outside,
    /// A box that reaches more than a pixel beyond its picture. Cut to it.
    Beyond,
    /// A picture that labels speak of is not there. Left out.
    MissingPicture,
    /// A file that is no picture, is cut short or damaged, or has no pixels. Left out.
    BrokenPicture,
    /// A picture's size is not the one that its labels state. The picture's own counts.
    OtherSize,
    /// A picture without a file or entry of labels, where others have one. Left out of what is labelled.
    WithoutLabel,
    /// A name that two pictures of the set share. The later one is left out.
    SameName,
}

impl Fault {
    /// What is done about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Fault::UnknownClass => "refused",
            Fault::Beyond => "cut",
            Fault::OtherSize => "kept",
            _ => "left out",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::UnknownClass => "label of an unknown class",
            Fault::UnreadableLabel => "unreadable label",
            Fault::NotFinite => "box that is not finite",
            Fault::Degenerate => "box without area",
            Fault::Outside => "box outside its picture",
            Fault::Beyond => "box beyond its picture's edge",
            Fault::MissingPicture => "label without picture",
            Fault::BrokenPicture => "broken picture",
            Fault::OtherSize => "picture of another size",
            Fault::WithoutLabel => "picture without label",
            Fault::SameName => "name given twice",
        })
    }
}

/// Something wrong with a part of a set, found while reading or checking it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// What kind.
    pub fault: Fault,
    /// The picture, or the file of labels and the place in it.
    pub place: String,
    /// What exactly.
    pub detail: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(fault: Fault, place: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem { fault, place: place.into(), detail: detail.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.detail)
    }
}
