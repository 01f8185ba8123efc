//! The pictures of an experiment: who learns from which, and which are kept to choose by and to measure on.

mod choose;
mod error;
mod open;
mod set;

use crate::data::{CLASSES, Dataset, Split};
use crate::recipe::{Recipe, SHAPES};
use crate::report::Bars;

pub use error::PictureError;
pub use open::class_names;
pub use set::Set;
pub(super) use set::kept;

/// All pictures of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// What a teacher that is trained learns from.
    pub teacher: Set,
    /// What both arms learn from.
    pub labelled: Set,
    /// What only the distilled student sees, without labels; it may be empty.
    pub transfer: Set,
    /// To choose by.
    pub validation: Set,
    /// To measure on.
    pub test: Set,
    /// Of the pictures that a student is taught on with, those to measure on; empty without any.
    pub added: Set,
    /// Whether nobody has said what is in the pictures to measure on, so that the teacher has the last word.
    pub unjudged: bool,
    /// Where they come from, in words.
    pub words: String,
}

impl Pictures {
    /// Draws or opens them.
    ///
    /// # Errors
    /// A [`PictureError`] that names the key of the recipe, and what to do. Nothing starts on nothing.
    pub fn open(recipe: &Recipe, bars: &Bars) -> Result<Pictures, PictureError> {
        if recipe.data.source == SHAPES { Ok(draw(recipe, bars)) } else { open::open(recipe, bars) }
    }

    /// How many pictures a student's epoch counts, in every arm alike: those without labels, of which there are many, or else the
    /// labelled ones. A control that counted only what it sees would be taught for fewer steps than who it is compared with.
    pub fn epoch(&self) -> usize {
        if self.transfer.is_empty() { self.labelled.len() } else { self.transfer.len() }
    }
}

fn draw(recipe: &Recipe, bars: &Bars) -> Pictures {
    let (scenes, seed) = (&recipe.scenes, recipe.data.seed);
    let total = scenes.teacher + scenes.labelled + scenes.transfer + scenes.validation + scenes.test;
    let bar = bars.start("drawing scenes", total);
    let set = |split, count| {
        let drawn = Dataset::draw(seed, split, count, [recipe.data.width, recipe.data.height], || bar.advance(1));
        Set::drawn(drawn.samples)
    };
    let pictures = Pictures {
        classes: CLASSES.map(str::to_owned).to_vec(),
        teacher: set(Split::Teacher, scenes.teacher),
        labelled: set(Split::Labelled, scenes.labelled),
        transfer: set(Split::Transfer, scenes.transfer),
        validation: set(Split::Validation, scenes.validation),
        test: set(Split::Test, scenes.test),
        added: Set::default(),
        unjudged: false,
        words: format!("synthetic scenes, seed {seed}"),
    };
    bar.finish("");
    pictures
}
