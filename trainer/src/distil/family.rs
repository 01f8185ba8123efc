//! A family: one teacher, asked once, and a student for each budget.
//!
//! A budget is what a board can give: multiply-accumulates, kilobytes of weights, or predicted milliseconds. The widest student
//! within each is taught, with its control, and the family is drawn as accuracy over cost: who is on the front that nobody
//! else beats in both is worth shipping.

use std::sync::Arc;

use retort::chart::{Axis, Chart, PALETTE, Series, Style};
use serde::{Deserialize, Serialize};

use super::cost::cost;
use super::error::ExperimentError;
use super::experiment::{Options, learn, network, prepare};
use super::measure::Figures;
use super::results::{Arm, Student};
use super::teaching::{hear, judge, measured_teacher};
use super::trainings::Bench;
use crate::evaluate::Cost;
use crate::evaluate::statistics::{mean_interval, standard_deviation};
use crate::recipe::Recipe;
use crate::report::{Bars, FAMILY, RunFolder, Table, write_page, write_results};

/// Widths that are tried, as multiples of the recipe's, in steps of this.
const STEP: f32 = 0.0625;
const WIDEST: f32 = 8.0;

/// What a student may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Multiply-accumulates of one inference.
    Macs(u64),
    /// Bytes of weights.
    Bytes(usize),
    /// Predicted milliseconds of one int8 inference on all cores of a board, by its key.
    Milliseconds(String, f64),
}

/// One student size and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// What it was to cost.
    pub budget: Budget,
    /// Its width as a multiple of the recipe's.
    pub scale: f32,
    /// Trained parameters.
    pub parameters: usize,
    /// What it costs.
    pub cost: Cost,
    /// Distilled, and control where there are labels, seed by seed.
    pub students: Vec<Student>,
    /// Whether no other member is both cheaper (or as cheap) and better.
    pub on_front: bool,
}

/// A family and its teacher.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Family {
    /// The teacher, if it is one that was trained.
    pub teacher: Option<Figures>,
    /// The board whose milliseconds count.
    pub board: String,
    /// Whether the teacher's own boxes are what the students are measured by, for want of labels.
    #[serde(default)]
    pub unjudged: bool,
    /// From the dearest to the cheapest.
    pub members: Vec<Member>,
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Budget::Macs(macs) => write!(f, "{} MMAC", *macs as f64 / 1e6),
            Budget::Bytes(bytes) => write!(f, "{} kB", *bytes as f64 / 1e3),
            Budget::Milliseconds(board, ms) => write!(f, "{ms} ms on {board}"),
        }
    }
}

impl Budget {
    fn holds(&self, cost: &Cost) -> bool {
        match self {
            Budget::Macs(macs) => cost.macs <= *macs,
            Budget::Bytes(bytes) => cost.weights_bytes <= *bytes,
            Budget::Milliseconds(board, ms) => cost.predicted_ms.get(board).is_some_and(|predicted| predicted <= ms),
        }
    }
}

/// The recipe with the widest student that a budget holds.
///
/// # Errors
/// [`ExperimentError::Budget`] where even the narrowest costs more.
pub fn fit(recipe: &Recipe, budget: &Budget, classes: &[String]) -> Result<(Recipe, f32, Cost), ExperimentError> {
    let at = |scale: f32| -> Result<(Recipe, Cost), ExperimentError> {
        let mut narrower = recipe.clone();
        narrower.student = recipe.student.widened(scale);
        let network = network(&narrower, "student", classes.len())?;
        let cost = cost(&narrower, &network, classes)?;
        Ok((narrower, cost))
    };
    // Costs rise with the width, so the widest that fits is found by halving.
    let (mut low, mut high) = (0usize, (WIDEST / STEP) as usize + 1);
    while high - low > 1 {
        let middle = (low + high) / 2;
        let fits = budget.holds(&at(middle as f32 * STEP)?.1);
        if fits { low = middle } else { high = middle }
    }
    if low == 0 {
        let least = at(STEP)?.1;
        let board = match budget {
            Budget::Milliseconds(board, _) => board.as_str(),
            _ => "pi4",
        };
        let ms = least.predicted_ms.get(board).copied().unwrap_or(0.0);
        let costs =
            format!("{:.2} MMAC, {} kB, {ms:.2} ms on {board}", least.macs as f64 / 1e6, least.weights_bytes / 1000);
        return Err(ExperimentError::Budget { budget: budget.to_string(), least: costs });
    }
    let scale = low as f32 * STEP;
    let (narrower, cost) = at(scale)?;
    Ok((narrower, scale, cost))
}

/// Teaches a family; the results also lie in the folder, as JSON, as a table in Markdown, as a chart and as a page.
///
/// # Errors
/// As [`experiment`](super::experiment()), and where a budget holds no student.
pub fn family(
    recipe: &Recipe,
    budgets: &[Budget],
    board: &str,
    folder: &RunFolder,
    bars: &Bars,
    options: Options,
) -> Result<Family, ExperimentError> {
    let mut pictures = prepare(recipe, folder, bars, options.resume)?;
    let whole = Arc::new(recipe.clone());
    judge(&whole, folder, bars, &mut pictures, options.place)?;
    let bench = Bench { recipe: &whole, folder, bars, pictures: &pictures, place: options.place };
    // Who costs what is known before anybody is taught.
    let mut sizes = Vec::new();
    for budget in budgets {
        let (recipe, scale, cost) = fit(recipe, budget, &pictures.classes)?;
        if !sizes.iter().any(|(_, _, known, _): &(Budget, _, f32, Cost)| *known == scale) {
            sizes.push((budget.clone(), Arc::new(recipe), scale, cost));
        }
    }
    sizes.sort_by(|a, b| b.2.total_cmp(&a.2));
    let any = network(&whole, "student", pictures.classes.len())?;
    let (teacher, figures) = measured_teacher(&bench, &any)?;
    let mut members = Vec::new();
    for (budget, recipe, scale, cost) in sizes {
        let student = network(&recipe, "student", pictures.classes.len())?;
        let signals = hear(&Bench { recipe: &recipe, ..bench }, teacher.clone(), &student)?;
        let folder = bench.within(&format!("scale-{scale}"), options.resume)?;
        let bench = Bench { recipe: &recipe, folder: &folder, ..bench };
        let mut arms = vec![(Arm::Distilled, Some(&signals))];
        // Who has no labels cannot learn from them.
        arms.extend((!pictures.labelled.is_empty()).then_some((Arm::Control, None)));
        let students = learn(&bench, &student, &arms)?;
        members.push(Member { budget, scale, parameters: student.parameters(), cost, students, on_front: false });
    }
    let mut family = Family { teacher: figures, board: board.to_owned(), unjudged: pictures.unjudged, members };
    family.mark();
    folder.write("family.md", family.table().markdown())?;
    family.chart(&recipe.name).draw().pixels().save(folder.file("family.png"))?;
    write_results(folder, FAMILY, &family)?;
    write_page(folder)?;
    Ok(family)
}

impl Member {
    /// The int8 figures of one arm, seed by seed, 0 to 100.
    pub fn figures(&self, arm: Arm) -> Vec<f64> {
        self.students.iter().filter(|student| student.arm == arm).map(|student| student.int8.main()).collect()
    }

    /// None of an arm that there is not.
    fn mean(&self, arm: Arm) -> Option<f64> {
        mean_interval(&self.figures(arm)).map(|interval| interval.value)
    }
}

impl Family {
    /// Predicted milliseconds of a member on the family's board; not a number where they are not known.
    pub fn ms(&self, member: &Member) -> f64 {
        member.cost.predicted_ms.get(&self.board).copied().unwrap_or(f64::NAN)
    }

    /// Finds the front.
    fn mark(&mut self) {
        let point = |m: &Member| [self.ms(m), m.mean(Arm::Distilled).unwrap_or(f64::NAN)];
        let points: Vec<[f64; 2]> = self.members.iter().map(point).collect();
        for (member, point) in self.members.iter_mut().zip(&points) {
            let beaten = |other: &[f64; 2]| other[0] <= point[0] && other[1] > point[1];
            member.on_front = !points.iter().any(beaten);
        }
    }

    /// What the figures are called.
    pub fn name(&self) -> &'static str {
        self.members.iter().flat_map(|m| &m.students).next().map_or("AP", |student| student.int8.name())
    }

    /// A line a member.
    pub fn table(&self) -> Table {
        let ms = format!("{} ms", self.board);
        let headings = ["budget", "width", "parameters", "MMAC", "weights kB", &ms, self.name(), "control", "front"];
        let mut table = Table::new(headings);
        for member in &self.members {
            let figures = |arm| {
                let deviation = standard_deviation(&member.figures(arm));
                member.mean(arm).map_or("–".to_owned(), |mean| format!("{mean:.2} ± {deviation:.2}"))
            };
            table.row([
                member.budget.to_string(),
                format!("{}", member.scale),
                member.parameters.to_string(),
                format!("{:.2}", member.cost.macs as f64 / 1e6),
                format!("{:.1}", member.cost.weights_bytes as f64 / 1e3),
                format!("{:.2}", self.ms(member)),
                figures(Arm::Distilled),
                figures(Arm::Control),
                if member.on_front { "yes" } else { "no" }.to_owned(),
            ]);
        }
        table
    }

    /// Accuracy over predicted milliseconds.
    pub fn chart(&self, title: &str) -> Chart {
        let points = |arm: Arm, front: bool| {
            let members = self.members.iter().filter(|member| !front || member.on_front);
            members.filter_map(|member| Some([self.ms(member), member.mean(arm)?])).collect::<Vec<_>>()
        };
        let mut series = vec![
            Series::new("front", Style::Line, points(Arm::Distilled, true)).coloured(PALETTE[5]),
            Series::new("distilled", Style::Points, points(Arm::Distilled, false)).coloured(PALETTE[0]),
            Series::new("labels alone", Style::Points, points(Arm::Control, false)).coloured(PALETTE[1]),
        ];
        series.retain(|series| !series.points.is_empty());
        if let Some(teacher) = &self.teacher {
            let ends = points(Arm::Distilled, false);
            let ends = ends.iter().map(|point| [point[0], teacher.main()]).collect();
            series.push(Series::new("teacher", Style::Dashed, ends).coloured(PALETTE[3]));
        }
        let x = Axis::log(format!("predicted ms on {}, int8", self.board));
        Chart::new(title, x, Axis::new(format!("{} (int8)", self.name())), series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_student_that_fits_is_found_and_none_is_an_error() {
        let recipe = Recipe::resolve(None, &[]).expect("the shapes");
        let classes: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let (fitted, scale, cost) = fit(&recipe, &Budget::Macs(5_000_000), &classes).expect("it fits");
        assert!(cost.macs <= 5_000_000 && fitted.student.scale == recipe.student.scale * scale);
        let mut wider = recipe.clone();
        // Widths are whole multiples of 8, so several scales are the same network.
        let next = (1..).map(|steps| scale + steps as f32 * STEP).find_map(|scale| {
            wider.student.scale = recipe.student.scale * scale;
            let macs = network(&wider, "student", 3).expect("built").macs() as u64;
            (macs > cost.macs).then_some(macs)
        });
        assert!(next.is_some_and(|macs| macs > 5_000_000), "{next:?}");
        let error = fit(&recipe, &Budget::Bytes(10), &classes).expect_err("too small").to_string();
        assert!(error.contains("0.01 kB") && error.contains("MMAC"), "{error}");
        let error = fit(&recipe, &Budget::Milliseconds("pi4".into(), 1e-6), &classes).expect_err("too small");
        assert!(error.to_string().contains("ms on pi4"), "{error}");
    }
}
