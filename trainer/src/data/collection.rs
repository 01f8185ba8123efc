//! A set of pictures: what is in it, what it is for, and what was wrong with it. The pixels stay where they are until
//! asked for.

use std::path::{Path, PathBuf};

use super::error::{DataError, Problem};
use super::formats::{self, Format};
use super::frames::Frames;
use super::item::{Item, Part};

/// What a set's labels say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// What each picture shows.
    Classify,
    /// Where objects are, and of which class.
    Detect,
    /// Nothing.
    Unlabelled,
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Task::Classify => "classify",
            Task::Detect => "detect",
            Task::Unlabelled => "unlabelled",
        })
    }
}

/// How to open a set. By default, everything is found out.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The format, where it is not to be found out.
    pub format: Option<Format>,
    /// A file of labels that does not lie where the format has it: of a video, say.
    pub labels: Option<PathBuf>,
    /// The folder of the pictures, where it is not where the format has it.
    pub pictures: Option<PathBuf>,
    /// Names of the classes in order, for formats that only have numbers.
    pub classes: Option<Vec<String>>,
    /// Which frames of a video.
    pub frames: Frames,
}

/// A set of pictures.
#[derive(Clone, Debug)]
pub struct Collection {
    /// The format that it was read as.
    pub format: Format,
    /// What that was recognised by.
    pub because: String,
    /// The file or folder that was opened.
    pub origin: PathBuf,
    /// What its labels say.
    pub task: Task,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The pictures, in an order that depends on nothing but the set.
    pub items: Vec<Item>,
    /// What was found wrong in reading the labels. Pixels were not looked at yet.
    pub problems: Vec<Problem>,
}

impl Collection {
    /// Opens the set in a file or folder, finding out its format. No picture is decoded.
    ///
    /// # Errors
    /// A [`DataError`] that names the file and the place in it, or what a folder would have to hold.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Collection, DataError> {
        formats::open(path.as_ref(), options)
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the format, or [`Collection::divide`], said of any picture what it is for.
    pub fn is_divided(&self) -> bool {
        self.items.iter().any(|item| item.part.is_some())
    }

    /// The pictures of one part.
    pub fn part(&self, part: Part) -> Collection {
        self.filtered(|item| item.part == Some(part))
    }

    /// The pictures that `keep` says yes to.
    pub fn filtered(&self, keep: impl Fn(&Item) -> bool) -> Collection {
        let items = self.items.iter().filter(|item| keep(item)).cloned().collect();
        Collection { items, ..self.emptied() }
    }

    /// Everything but the pictures.
    fn emptied(&self) -> Collection {
        Collection {
            format: self.format,
            because: self.because.clone(),
            origin: self.origin.clone(),
            task: self.task,
            classes: self.classes.clone(),
            items: Vec::new(),
            problems: self.problems.clone(),
        }
    }
}
