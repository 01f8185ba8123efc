//! Every loss by itself against the same control: which of them earns its place here.
//!
//! One teacher, one student, the same seeds, schedule and labels. Each arm has the labels and one loss, and nothing else: a binding
//! with what is usual for it, or one of the losses on answers that a recipe has keys for, with the recipe's weight.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::ExperimentError;
use super::experiment::{Options, learn, network, prepare};
use super::measure::Figures;
use super::results::{Arm, Student};
use super::teaching::{hear, measured_teacher};
use super::trainings::Bench;
use super::verdict::Verdict;
use crate::bindings::Loss;
use crate::evaluate::statistics::{mean_interval, standard_deviation};
use crate::recipe::Recipe;
use crate::report::{Bars, LOSSES, RunFolder, Table, write_page, write_results};

/// A loss that is tried by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// A binding.
    Binding(Loss),
    /// Softened classes, of a detector in every cell: `distil.classes`.
    Classes,
    /// A detector's boxes, weighted by how sure it is: `distil.boxes`.
    Boxes,
    /// Where a detector sees the sides of boxes, as distributions: `distil.sides`.
    Sides,
}

impl Contender {
    /// All of them: the losses on answers, then the bindings.
    pub fn all() -> impl Iterator<Item = Contender> {
        let answers = [Contender::Classes, Contender::Boxes, Contender::Sides];
        answers.into_iter().chain(Loss::ALL.into_iter().map(Contender::Binding))
    }

    /// The one of a name.
    pub fn of(name: &str) -> Option<Contender> {
        Contender::all().find(|loss| loss.name() == name)
    }

    /// Its name: the binding's, or the key's.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Binding(loss) => loss.name(),
            Contender::Classes => "classes",
            Contender::Boxes => "boxes",
            Contender::Sides => "sides",
        }
    }

    /// The recipe with this loss and no other on what the teacher says.
    ///
    /// # Errors
    /// Why the recipe has none of it.
    fn alone(self, recipe: &Recipe) -> Result<Recipe, String> {
        let mut alone = Recipe::clone(recipe);
        let distil = &mut alone.distil;
        distil.bindings.clear();
        (distil.classes, distil.boxes, distil.sides) = (0.0, 0.0, 0.0);
        let (weight, usual) = match self {
            Contender::Binding(loss) => {
                distil.bindings.push(loss.usual());
                return Ok(alone);
            }
            Contender::Boxes | Contender::Sides if !recipe.detects() => return Err("a classifier has no boxes".into()),
            Contender::Classes => (&mut distil.classes, recipe.distil.classes),
            Contender::Boxes => (&mut distil.boxes, recipe.distil.boxes),
            Contender::Sides => (&mut distil.sides, recipe.distil.sides),
        };
        if usual == 0.0 {
            return Err(format!("distil.{} is 0 in the recipe", self.name()));
        }
        *weight = usual;
        Ok(alone)
    }
}

impl Serialize for Contender {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Contender {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Contender, D::Error> {
        let name = String::deserialize(deserializer)?;
        Contender::of(&name).ok_or_else(|| D::Error::custom(format!("there is no loss `{name}`")))
    }
}

/// One loss against the control.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compared {
    /// The loss.
    pub loss: Contender,
    /// The students it taught, seed by seed; empty where it does not fit.
    pub students: Vec<Student>,
    /// What the int8 files say.
    pub verdict: Option<Verdict>,
    /// Why it does not fit, if it does not.
    pub refused: Option<String>,
}

/// All losses against one control.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// The teacher, if it is one that was trained.
    pub teacher: Option<Figures>,
    /// Students on labels alone, seed by seed.
    pub control: Vec<Student>,
    /// The losses.
    pub losses: Vec<Compared>,
}

const TABLE: &str = "losses.md";

/// Compares losses; the results also lie in the folder, as JSON, as a table in Markdown and as a page.
///
/// # Errors
/// As [`experiment`](super::experiment()). A loss that does not fit is no error: the comparison says why.
pub fn compare(
    recipe: &Recipe,
    losses: &[Contender],
    folder: &RunFolder,
    bars: &Bars,
    options: Options,
) -> Result<Comparison, ExperimentError> {
    let pictures = prepare(recipe, folder, bars, options.resume)?;
    if pictures.labelled.is_empty() {
        return Err(ExperimentError::Unlabelled);
    }
    let recipe = Arc::new(recipe.clone());
    let bench = Bench { recipe: &recipe, folder, bars, pictures: &pictures, place: options.place };
    let student = network(&recipe, "student", pictures.classes.len())?;
    let (teacher, figures) = measured_teacher(&bench, &student)?;
    let within = |name: &str| bench.within(name, options.resume);
    let control = within("control")?;
    let control = learn(&Bench { folder: &control, ..bench }, &student, &[(Arm::Control, None)])?;
    let mut all = Comparison { teacher: figures, control, losses: Vec::new() };
    for &loss in losses {
        let refused = |problem| Compared { loss, students: Vec::new(), verdict: None, refused: Some(problem) };
        let arm = match loss.alone(&recipe) {
            Ok(arm) => Arc::new(arm),
            Err(problem) => {
                all.losses.push(refused(problem));
                continue;
            }
        };
        let folder = within(loss.name())?;
        let bench = Bench { recipe: &arm, folder: &folder, ..bench };
        let signals = match hear(&bench, teacher.clone(), &student) {
            Ok(signals) => signals,
            Err(ExperimentError::Tie(error)) => {
                all.losses.push(refused(error.problem));
                continue;
            }
            Err(error) => return Err(error),
        };
        let students = learn(&bench, &student, &[(Arm::Distilled, Some(&signals))])?;
        let figures = |students: &[Student]| students.iter().map(|student| student.int8.main()).collect::<Vec<_>>();
        let verdict = Verdict::new(&format!("{} (int8)", all.name()), &figures(&students), &figures(&all.control));
        all.losses.push(Compared { loss, students, verdict: Some(verdict), refused: None });
    }
    bench.folder.write(TABLE, all.table().markdown())?;
    write_results(bench.folder, LOSSES, &all)?;
    write_page(bench.folder)?;
    Ok(all)
}

impl Comparison {
    /// What the figures are called.
    pub fn name(&self) -> &'static str {
        self.control.first().map_or("AP", |student| student.int8.name())
    }

    /// A line a loss: the students' mean and deviation over the seeds, and the gain over the control with its 95 % interval.
    pub fn table(&self) -> Table {
        let name = self.name();
        let headings =
            ["loss".to_owned(), format!("{name}, f32"), format!("{name}, int8"), "gain, int8".into(), "".into()];
        let mut table = Table::new(headings);
        let spread = |students: &[Student], figures: fn(&Student) -> &Figures| {
            let values: Vec<f64> = students.iter().map(|student| figures(student).main()).collect();
            let mean = mean_interval(&values).map_or(0.0, |interval| interval.value);
            format!("{mean:.2} ± {:.2}", standard_deviation(&values))
        };
        let both = |students: &[Student]| [spread(students, |s| &s.float), spread(students, |s| &s.int8)];
        if let Some(teacher) = &self.teacher {
            table.row(["(teacher)".to_owned(), format!("{:.2}", teacher.main())]);
        }
        let [float, int8] = both(&self.control);
        table.row(["(control: labels alone)".to_owned(), float, int8]);
        for compared in &self.losses {
            let name = compared.loss.name().to_owned();
            let Some(verdict) = &compared.verdict else {
                let reason = compared.refused.clone().unwrap_or_default();
                table.row([name, String::new(), String::new(), String::new(), reason]);
                continue;
            };
            let [float, int8] = both(&compared.students);
            let margin = verdict.margin.map(|margin| format!(" ± {margin:.2}")).unwrap_or_default();
            table.row([name, float, int8, format!("{:+.2}{margin}", verdict.gain), verdict.word().to_owned()]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_alone_or_says_why_it_is_not_there() {
        let recipe = Recipe::resolve(None, &["distil.bindings=[{loss=\"pkd\"}]".into()]).expect("valid");
        let weights = |contender: Contender| {
            let distil = contender.alone(&recipe).expect("there").distil;
            (distil.classes, distil.boxes, distil.bindings.iter().map(|binding| binding.loss).collect::<Vec<_>>())
        };
        assert_eq!(weights(Contender::Classes), (recipe.distil.classes, 0.0, vec![]));
        assert_eq!(weights(Contender::Boxes), (0.0, recipe.distil.boxes, vec![]));
        assert_eq!(weights(Contender::Binding(Loss::At)), (0.0, 0.0, vec![Loss::At]));
        let refusal = |contender: Contender, recipe: &Recipe| contender.alone(recipe).expect_err("refused");
        assert_eq!(refusal(Contender::Sides, &recipe), "distil.sides is 0 in the recipe");
        let changes = ["student.family=classifier", "teacher.family=classifier", "data.source=photos"];
        let classifier = Recipe::resolve(None, &changes.map(str::to_owned)).expect("valid");
        assert_eq!(refusal(Contender::Boxes, &classifier), "a classifier has no boxes");
        assert!(Contender::Classes.alone(&classifier).is_ok());
        let names: Vec<_> = Contender::all().map(Contender::name).collect();
        assert_eq!((names.len(), names[0], names[3]), (3 + Loss::ALL.len(), "classes", Loss::ALL[0].name()));
    }
}
