//! Why there are no pictures, and what to do about it.

use crate::data::DataError;

/// Why there are no pictures.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// A set cannot be opened or used.
    #[error("`{key}`")]
    Data {
        /// The key of the recipe.
        key: &'static str,
        /// Why not.
        source: DataError,
    },
    /// A set does not say what the recipe wants to learn.
    #[error("`{key}`: {path} says {says}, but the student {wants}; {remedy}")]
    Task {
        /// The key of the recipe.
        key: &'static str,
        /// The set.
        path: String,
        /// What it says.
        says: &'static str,
        /// What the student does.
        wants: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Nothing is left for a purpose.
    #[error("there is no picture {purpose}; {remedy}")]
    Nothing {
        /// Which purpose.
        purpose: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A class that no picture can show.
    #[error("`{key}` names the class `{class}`; the classes are {known}")]
    Class {
        /// The key of the recipe.
        key: &'static str,
        /// The name.
        class: String,
        /// All names.
        known: String,
    },
    /// Two sets have other classes.
    #[error("`{key}` has other classes than `data.source`: {found} instead of {wanted}")]
    Classes {
        /// The key of the recipe.
        key: &'static str,
        /// Its classes.
        found: String,
        /// Those of the source.
        wanted: String,
    },
    /// Text that names no frames.
    #[error("`{key}`: {problem}")]
    Frames {
        /// The key of the recipe.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Nobody says what is in the pictures.
    #[error("`data.source`: {path} has no labels to learn from; {remedy}")]
    Unlabelled {
        /// The set.
        path: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Nobody says what to look for.
    #[error(
        "`data.source`: {path} has no labels, so nothing names what the student is to find; give data.classes, such as [\"person\"]"
    )]
    Unnamed {
        /// The set.
        path: String,
    },
}
