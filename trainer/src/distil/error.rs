//! Why an experiment stops.

use std::path::PathBuf;

use super::pictures::PictureError;
use crate::bindings::TieError;
use crate::export::WriteError;
use crate::nets::ShapeError;
use crate::pruning::PruneError;
use crate::quantise::MissingRange;
use crate::report::{FolderError, PageError};
use crate::teacher::{CacheError, TeacherError};
use crate::train::{CheckpointError, TrainError};

/// Why an experiment stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// Something in the run folder could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There are no pictures to learn from or to measure on.
    #[error(transparent)]
    Pictures(#[from] PictureError),
    /// A network cannot be built.
    #[error("`{key}` cannot be built for pictures of {width}×{height}")]
    Network {
        /// Its table in the recipe.
        key: &'static str,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Which layer, and why.
        source: ShapeError,
    },
    /// The teacher failed.
    #[error(transparent)]
    Teacher(#[from] TeacherError),
    /// Its answers could not be kept.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// No student is small enough.
    #[error(
        "no student fits into {budget}: the narrowest takes {least}; raise the budget, or give the recipe a smaller student"
    )]
    Budget {
        /// The budget.
        budget: String,
        /// What the narrowest costs.
        least: String,
    },
    /// The teacher sees nothing in the pictures that nobody labelled.
    #[error(
        "the teacher is sure of nothing in {pictures} pictures: no box of {classes} has a score of {least} or more (the highest \
         is {surest:.2}). Show it other pictures, take another teacher, or lower distil.score"
    )]
    Mute {
        /// Pictures that it was asked about.
        pictures: usize,
        /// What it was to find.
        classes: String,
        /// Its highest score.
        surest: f32,
        /// The score that was wanted.
        least: f32,
    },
    /// Losses are to be compared and there is nothing to compare them with.
    #[error("there are no labels, beside which every loss is tried; compare on labelled pictures, or use `distill`")]
    Unlabelled,
    /// A run has no student to go on with.
    #[error(
        "{path} is no run with a student of seed {seed}: it has neither distilled-{seed}.ckpt nor control-{seed}.ckpt; let the run end first"
    )]
    NoStudent {
        /// The run folder.
        path: PathBuf,
        /// The seed whose student is kept.
        seed: u64,
    },
    /// A run's weights are not those of its recipe.
    #[error("the student's weights in {path} are of another network than its recipe.toml says")]
    OtherStudent {
        /// The run folder.
        path: PathBuf,
    },
    /// The student cannot be pruned.
    #[error("the student cannot be pruned")]
    Prune(#[from] PruneError),
    /// What is left is no network.
    #[error("what pruning left is no network")]
    Narrow {
        /// Which layer, and why.
        source: ShapeError,
    },
    /// A binding does not fit the student or the teacher.
    #[error(transparent)]
    Tie(#[from] TieError),
    /// A training failed.
    #[error("training {name}, seed {seed}, stopped")]
    Training {
        /// The network's name.
        name: String,
        /// Its seed.
        seed: u64,
        /// Why.
        source: TrainError,
    },
    /// Calibration missed a value.
    #[error(transparent)]
    Range(#[from] MissingRange),
    /// A model could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The runtime does not take a file that was just written.
    #[error("the exported file does not work")]
    Model(#[from] retort::Error),
    /// Resumed with a recipe other than that of the run.
    #[error("{path} is another recipe; resume with the one that the run began with, or choose another folder")]
    OtherRecipe {
        /// The run's recipe.
        path: PathBuf,
    },
    /// The page could not be made.
    #[error(transparent)]
    Page(#[from] PageError),
    /// A picture could not be written.
    #[error("cannot write a picture")]
    Picture(#[from] image::ImageError),
}
