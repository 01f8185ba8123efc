//! What a run folder holds of what the page is made of.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::audit::{Audit, Inheritance};
use crate::distil::{Arm, Figures, Results};
use crate::report::{COMPARISON, Comparison, FolderError, RunFolder};

/// What a run of one recipe measured.
pub const RESULTS: &str = "results.json";
/// What a family's students measured.
pub const FAMILY: &str = "family.json";
/// What a comparison of losses measured.
pub const LOSSES: &str = "losses.json";
/// The teacher's audit.
pub const AUDIT: &str = "audit.json";
/// Which of its mistakes the students make.
pub const INHERITANCE: &str = "inheritance.json";

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// There is nothing to tell of.
    #[error(
        "{path} is no run folder: it has neither recipe.toml nor results.json. Name the folder that `distill`, `train`, `family` or `compare` wrote"
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what the name says.
    #[error("{path} cannot be read: {problem}. Delete it to make the page without it")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The page cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// What a folder's figures come from.
#[derive(Debug, Default)]
pub struct Origin {
    /// What the recipe calls itself, or else the folder's name.
    pub name: String,
    /// `recipe.toml`.
    pub recipe: Option<String>,
    /// `environment.json`.
    pub environment: Option<serde_json::Value>,
}

impl Origin {
    /// Reads what is there.
    ///
    /// # Errors
    /// [`PageError::Form`].
    pub fn read(folder: &RunFolder) -> Result<Origin, PageError> {
        let recipe = folder.read("recipe.toml");
        let table = recipe.as_deref().and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
        let named = table.get("name").and_then(|name| name.as_str());
        let name = named.map_or_else(|| name_of(&folder.file("")), str::to_owned);
        Ok(Origin { name, recipe, environment: json(folder, "environment.json")? })
    }
}

/// A run as it lies in its folder.
#[derive(Debug, Default)]
pub struct Run {
    /// Recipe and environment.
    pub origin: Origin,
    /// `results.json`.
    pub results: Option<Results>,
    /// `verdict.txt`.
    pub verdict: Option<String>,
    /// `training.csv`.
    pub training: Option<String>,
    /// `audit.json`.
    pub audit: Option<Audit>,
    /// `inheritance.json`.
    pub inheritance: Option<Inheritance>,
    /// `comparison.json`.
    pub comparison: Option<Comparison>,
    /// The pictures that it names, as PNG, in its order.
    pub pictures: Vec<Option<Vec<u8>>>,
    /// Whether there is a `coverage.json`.
    pub covered: bool,
    /// Files that the page would be made of and that are not there.
    pub missing: Vec<String>,
}

impl Run {
    /// Reads what is there, and notes what is not.
    ///
    /// # Errors
    /// [`PageError::NoRun`] and [`PageError::Form`].
    pub fn read(folder: &RunFolder) -> Result<Run, PageError> {
        let mut run = Run {
            origin: Origin::read(folder)?,
            results: json(folder, RESULTS)?,
            verdict: folder.read("verdict.txt").map(|text| text.trim().to_owned()),
            training: folder.read("training.csv"),
            audit: json(folder, AUDIT)?,
            inheritance: json(folder, INHERITANCE)?,
            comparison: json(folder, COMPARISON)?,
            covered: folder.file("coverage.json").is_file(),
            ..Run::default()
        };
        if run.origin.recipe.is_none() && run.results.is_none() {
            return Err(PageError::NoRun { path: folder.file("") });
        }
        let mut missing: Vec<&str> = Vec::new();
        let mut note = |there: bool, name: &'static str| missing.extend((!there).then_some(name));
        note(run.origin.recipe.is_some(), "recipe.toml");
        note(run.origin.environment.is_some(), "environment.json");
        note(run.results.is_some(), RESULTS);
        note(run.training.is_some(), "training.csv");
        note(run.comparison.is_some(), COMPARISON);
        // Who learned from labels alone has no teacher to tell of.
        if run.distilled() {
            note(run.verdict.is_some(), "verdict.txt");
            note(run.audit.is_some(), AUDIT);
            note(run.inheritance.is_some() || !run.controlled(), INHERITANCE);
        }
        run.missing = missing.into_iter().map(str::to_owned).collect();
        for hard in run.comparison.iter().flat_map(|comparison| &comparison.hardest) {
            // A name that leads out of the folder is none of a run's.
            let within = Path::new(&hard.file).file_name().is_some_and(|name| name == hard.file.as_str());
            let picture = std::fs::read(folder.file(&hard.file)).ok().filter(|_| within);
            if picture.is_none() {
                run.missing.push(hard.file.clone());
            }
            run.pictures.push(picture);
        }
        Ok(run)
    }

    /// Whether a teacher was heard.
    pub fn distilled(&self) -> bool {
        let with_teacher = |results: &Results| results.students.iter().any(|student| student.arm == Arm::Distilled);
        self.results.as_ref().is_none_or(with_teacher)
    }

    /// Whether students without the teacher stand beside those with it.
    pub fn controlled(&self) -> bool {
        let control = |results: &Results| results.students.iter().any(|student| student.arm == Arm::Control);
        self.distilled() && self.results.as_ref().is_none_or(control)
    }

    /// Whether the student finds objects.
    pub fn detects(&self) -> bool {
        let first = self.results.as_ref().and_then(|results| results.students.first());
        first.is_some_and(|student| matches!(student.int8, Figures::Detector(_)))
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        self.results.as_ref().map_or(&[], |results| &results.classes)
    }

    /// The arm of the student that the run hands over.
    pub fn kept(&self) -> Arm {
        if self.distilled() { Arm::Distilled } else { Arm::Control }
    }
}

/// A folder is called after its last part.
fn name_of(path: &Path) -> String {
    path.components().next_back().map_or("run".into(), |part| part.as_os_str().to_string_lossy().into_owned())
}

/// A file of the folder, if it is there.
pub fn json<T: DeserializeOwned>(folder: &RunFolder, name: &str) -> Result<Option<T>, PageError> {
    let read = |text: String| serde_json::from_str(&text);
    let form = |error: serde_json::Error| PageError::Form { path: folder.file(name), problem: error.to_string() };
    folder.read(name).map(read).transpose().map_err(form)
}
