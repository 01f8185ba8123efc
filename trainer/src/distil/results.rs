//! What an experiment measured.

use serde::{Deserialize, Serialize};

use super::again::Change;
use super::assistants::Assistants;
use super::measure::Figures;
use super::repair::Repaired;
use super::verdict::Verdict;
use crate::report::{Look, Table};

/// Which of the students.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// With the teacher, through assistants if there are any.
    Distilled,
    /// With the teacher and without the assistants that there are.
    Direct,
    /// Without.
    Control,
}

impl Arm {
    /// The arm's name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Distilled => "distilled",
            Arm::Direct => "direct",
            Arm::Control => "control",
        }
    }
}

/// One student, measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Student {
    /// With or without the teacher.
    pub arm: Arm,
    /// The seed.
    pub seed: u64,
    /// The f32 file.
    pub float: Figures,
    /// The int8 file.
    pub int8: Figures,
    /// What the repair of missing classes did, if there was one.
    pub repair: Option<Repaired>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// The teacher, if there is one and it is a single file.
    pub teacher: Option<Figures>,
    /// All arms, seed by seed.
    pub students: Vec<Student>,
    /// Who stood between teacher and student.
    #[serde(default)]
    pub assistants: Assistants,
    /// What the int8 files say about them; none where there was nobody.
    #[serde(default)]
    pub assistance: Option<Verdict>,
    /// What the int8 files say about distillation; none without a teacher, or without labels for a control arm.
    pub verdict: Option<Verdict>,
    /// How the students stand to their teacher, in words, where there is no control arm.
    #[serde(default)]
    pub standing: Option<String>,
    /// What teaching on has changed; empty where no run was gone on from.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// What the kept student loses from f32 to int8, from 0 to 100.
    pub int8_loss: f64,
    /// Names of the classes.
    pub classes: Vec<String>,
}

impl Results {
    /// Whether there is a teacher.
    pub fn taught(&self) -> bool {
        self.students.iter().any(|student| student.arm != Arm::Control)
    }

    /// The figures as a table.
    pub fn table(&self, look: Look) -> String {
        let detects = self.students.first().is_some_and(|student| matches!(student.int8, Figures::Detector(_)));
        let headings = Figures::headings(detects).iter().map(|&heading| heading.to_owned());
        let mut table = Table::new(["network".to_owned(), "seed".into(), "file".into()].into_iter().chain(headings));
        let cells = |network: &str, seed: String, file: &str, figures: &Figures| {
            [network.to_owned(), seed, file.to_owned()].into_iter().chain(figures.row()).collect::<Vec<_>>()
        };
        if let Some(teacher) = &self.teacher {
            table.row(cells("teacher", String::new(), "f32", teacher));
        }
        for student in &self.students {
            let (name, seed) = (student.arm.name(), student.seed.to_string());
            table.row(cells(name, seed.clone(), "f32", &student.float));
            table.bold_row(cells(name, seed, "int8", &student.int8));
        }
        table.render(look)
    }
}
