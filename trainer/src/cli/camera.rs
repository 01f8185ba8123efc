//! `retort-train distill --video`: a recipe from a video, a teacher and a budget.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::budget::{count, known_board};
use crate::data::{Collection, Frames, OpenOptions, Sample};
use crate::distil::{Budget, fit, seconds_a_question, seconds_a_step};
use crate::recipe::{CAMERA_RECIPE, Recipe};

/// Longer side of the student's input for budgets of at least so many multiply-accumulates. Among students of one cost, the
/// larger input with the narrower layers finds small people better, until layers become too narrow.
const SIDES: [(u64, usize); 5] = [(150_000_000, 512), (45_000_000, 384), (14_000_000, 320), (7_000_000, 256), (0, 192)];
/// Channels of the neck and of the heads of students that have a size by name.
const NECK: usize = 32;

/// A student's size by name: one layout and heads of one width, at three inputs and widths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Size {
    /// Nano.
    N,
    /// Small.
    #[default]
    S,
    /// Medium.
    M,
}

impl Size {
    /// Multiply-accumulates that it may take.
    fn macs(self) -> u64 {
        match self {
            Size::N => 21_000_000,
            Size::S => 60_000_000,
            Size::M => 160_000_000,
        }
    }
}

/// Share of the time, without what decoding and the teacher take, that is spent on teaching; the rest goes to integers and measuring.
const TEACHING: f64 = 0.8;
/// Questions to the teacher for each picture that is measured on: what it finds, and how long that takes.
const MEASURED: usize = 2;

/// By how much a student is taught on for a shorter time than it was taught at first.
const AGAIN: usize = 3;

#[derive(clap::Args)]
pub(super) struct CameraArguments {
    /// A video of the camera, or a folder of its pictures, to distil a student for it without any labels
    #[arg(long, value_name = "FILE", conflicts_with = "recipe")]
    video: Option<PathBuf>,
    /// Frames to learn from, as 1-600,700-; the others are measured on [default: all but the last fifth]
    #[arg(long, value_name = "RANGES", requires = "video")]
    frames: Option<String>,
    /// Who teaches; given again, several teach together
    #[arg(long = "teacher", value_name = "MODEL.onnx", requires = "video")]
    teachers: Vec<PathBuf>,
    /// What the student is to find, of what the teacher knows
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "video")]
    classes: Vec<String>,
    /// Labels to measure by: MOT's gt.txt, or lines of `retort detect --json`; without them the teacher judges
    #[arg(long, value_name = "FILE", requires = "video")]
    labels: Option<PathBuf>,
    /// Multiply-accumulates that the student may take, such as 60M
    #[arg(long, value_name = "N", requires = "video", conflicts_with = "ms")]
    macs: Option<String>,
    /// Size of the student: n, s or m, for 21, 60 or 160 million multiply-accumulates, with heads of one width [default: --macs 60M]
    #[arg(long, value_name = "SIZE", requires = "video", conflicts_with_all = ["macs", "ms"])]
    student: Option<Size>,
    /// Predicted milliseconds that the student may take on the board
    #[arg(long, value_name = "MS", requires = "video")]
    ms: Option<f64>,
    /// The board whose milliseconds count
    #[arg(long, value_name = "BOARD", requires = "video", default_value = "pi4")]
    board: String,
    /// Longer side of the student's input, a multiple of 32 [default: by the budget]
    #[arg(long, value_name = "PIXELS", requires = "video")]
    size: Option<usize>,
    /// Minutes that the whole run may take on this machine: the schedule is made to fit
    #[arg(long, value_name = "N", requires = "video")]
    minutes: Option<f64>,
    /// The folder of an earlier run, whose student is taught on
    #[arg(long = "continue", value_name = "RUN", conflicts_with_all = ["recipe", "video"], requires = "add")]
    from: Option<PathBuf>,
    /// Pictures for that, such as the folder of `retort collect`; may be given again
    #[arg(long, value_name = "DIR", requires = "from")]
    add: Vec<PathBuf>,
    /// Where to put the student, beside the run folder
    #[arg(long, value_name = "STUDENT.onnx")]
    pub(super) out: Option<PathBuf>,
}

impl CameraArguments {
    /// The recipe, with `overrides` laid over what the options say; none without `--video`.
    pub(super) fn recipe(&self, overrides: &[String]) -> Result<Option<Recipe>> {
        if let Some(from) = &self.from {
            return self.again(from, overrides).map(Some);
        }
        let Some(video) = &self.video else { return Ok(None) };
        ensure!(!self.teachers.is_empty(), "who teaches? Give --teacher MODEL.onnx");
        ensure!(!self.classes.is_empty(), "what is the student to find? Give --classes, such as --classes person");
        let first = first_picture(video, self.frames.as_deref())?;
        let [width, height] = [first.width, first.height];
        let budget = self.budget()?;
        let side = match (self.size, &budget) {
            (Some(size), _) => size,
            (None, Budget::Macs(macs)) => SIDES.iter().find(|(least, _)| macs >= least).map_or(192, |(_, side)| *side),
            (None, _) => 384,
        };
        let mut all = vec![
            format!("name={}", quoted(&name_of(video))),
            format!("data.source={}", quoted(path(video)?)),
            format!("data.classes={}", list(&self.classes)),
            format!(
                "teacher.models={}",
                list(&self.teachers.iter().map(|file| path(file)).collect::<Result<Vec<_>>>()?)
            ),
        ];
        let [wide, high] = input(side, [width, height]);
        all.extend([format!("data.width={wide}"), format!("data.height={high}")]);
        if self.student.is_some() {
            all.extend([format!("student.neck={NECK}"), "student.even_heads=true".to_owned()]);
        }
        if let Some(frames) = &self.frames {
            let learned: Frames = frames.parse().map_err(anyhow::Error::msg).context("--frames")?;
            all.push(format!("data.frames={}", quoted(frames)));
            match learned.rest() {
                Some(rest) => all.push(format!("data.test_frames={}", quoted(&rest.to_string()))),
                None => bail!("--frames {frames} leaves no frame to measure on; leave it out to keep the last fifth"),
            }
        }
        if let Some(labels) = &self.labels {
            all.push(format!("data.test_labels={}", quoted(path(labels)?)));
        }
        all.extend_from_slice(overrides);
        let recipe = Recipe::from_text("the recipe of cameras", CAMERA_RECIPE, &all)?;
        let (mut recipe, _, _) = fit(&recipe, &budget, &recipe.data.classes)?;
        if let Some(minutes) = self.minutes {
            ensure!(minutes > 0.0, "--minutes must be above 0");
            self.pace(&mut recipe, minutes, &first)?;
        }
        Ok(Some(recipe))
    }

    /// The recipe of an earlier run, with more pictures, and a third of its length at half the rate.
    fn again(&self, from: &Path, overrides: &[String]) -> Result<Recipe> {
        let file = from.join("recipe.toml");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let before = Recipe::from_text(&file.display().to_string(), &text, &[])?;
        let learning = &before.learning;
        let add: Vec<&str> = self.add.iter().map(|folder| path(folder)).collect::<Result<_>>()?;
        let add: Vec<String> = before.again.add.iter().cloned().chain(add.into_iter().map(str::to_owned)).collect();
        let mut all = vec![
            format!("name={}", quoted(&format!("{}-again", before.name))),
            format!("seeds=[{}]", before.seeds[0]),
            format!("again.from={}", quoted(path(from)?)),
            format!("again.add={}", list(&add)),
            format!("learning.epochs={}", learning.epochs.div_ceil(AGAIN)),
            format!("learning.steps={}", learning.steps.div_ceil(AGAIN)),
            format!("learning.rate={}", learning.rate / 2.0),
        ];
        all.extend_from_slice(overrides);
        Ok(Recipe::from_text(&file.display().to_string(), &text, &all)?)
    }

    /// Whether the schedule was made to fit a time.
    pub(super) fn paced(&self) -> bool {
        self.minutes.is_some()
    }

    fn budget(&self) -> Result<Budget> {
        if let Some(ms) = self.ms {
            return Ok(Budget::Milliseconds(known_board(&self.board)?.to_owned(), ms));
        }
        let usual = self.student.unwrap_or_default().macs();
        Ok(Budget::Macs(self.macs.as_deref().map(count).transpose()?.unwrap_or(usual)))
    }

    /// Steps that fit into the time, by how long a few of them take here, and a few questions to the teacher.
    fn pace(&self, recipe: &mut Recipe, minutes: f64, picture: &Sample) -> Result<()> {
        let question = seconds_a_question(recipe, picture)? / rayon::current_num_threads() as f64;
        // To count the frames is to decode them once more, as the run itself will.
        let started = Instant::now();
        let all = Collection::open(Path::new(&recipe.data.source), &OpenOptions::default())?.items.len();
        let decoding = 2.0 * started.elapsed().as_secs_f64();
        let pictures = all.min(recipe.data.most) + MEASURED * all.min(recipe.data.test_most);
        let asking = question * pictures as f64;
        let seconds = seconds_a_step(recipe)? * recipe.seeds.len() as f64;
        let steps = (TEACHING * (minutes * 60.0 - decoding - asking) / seconds).max(0.0) as usize;
        ensure!(
            steps >= 10,
            "{minutes} minutes are too few: to decode takes {decoding:.0} s here, to ask the teacher about {pictures} pictures \
             {asking:.0} s, and a step {seconds:.1} s; give more, or fewer frames with --set data.most=N and data.test_most=N",
        );
        let learning = &mut recipe.learning;
        (learning.epochs, learning.steps) = (0, steps);
        learning.warmup = learning.warmup.min(steps / 5);
        Ok(())
    }
}

/// The first picture that there is to learn from.
fn first_picture(video: &Path, frames: Option<&str>) -> Result<Sample> {
    // One frame tells; to count them all is to decode them all.
    let first = frames.and_then(|frames| frames.split(['-', ',']).next()).unwrap_or("1");
    let options = OpenOptions { frames: first.parse().unwrap_or_default(), ..OpenOptions::default() };
    let set = Collection::open(video, &options).with_context(|| format!("cannot open {}", video.display()))?;
    let Some(item) = set.items.first() else { bail!("{} has no frame {first}", video.display()) };
    Ok(item.load()?)
}

/// The student's input for pictures of a size: its longer side is `side`, and both are multiples of 32 nearest to their shape.
fn input(side: usize, [width, height]: [usize; 2]) -> [usize; 2] {
    let shorter = |long: usize, short: usize| {
        let exact = (side * short) as f64 / long.max(1) as f64;
        ((exact / 32.0).round() as usize * 32).max(32)
    };
    if width >= height { [side, shorter(width, height)] } else { [shorter(height, width), side] }
}

/// A name for files, from a file's.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    if name.chars().any(|c| c.is_ascii_alphanumeric()) { name } else { "camera".to_owned() }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("the name of {} must be UTF-8", path.display()))
}

/// A string as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list<S: AsRef<str>>(texts: &[S]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_the_shape_of_the_pictures() {
        assert_eq!(input(384, [768, 576]), [384, 288]);
        assert_eq!(input(320, [1920, 1080]), [320, 192]);
        assert_eq!(input(320, [1080, 1920]), [192, 320]);
        assert_eq!(input(64, [10_000, 10]), [64, 32]);
    }

    #[test]
    fn sizes_are_of_one_layout() {
        let sizes = [Size::N, Size::S, Size::M];
        assert_eq!(
            sizes.map(|size| SIDES.iter().find(|(least, _)| size.macs() >= *least).map(|(_, side)| *side)),
            [Some(320), Some(384), Some(512)]
        );
        assert_eq!(Size::default(), Size::S);
    }

    #[test]
    fn names_and_lists_are_toml() {
        assert_eq!(name_of(Path::new("/videos/front door.2.avi")), "front-door-2");
        assert_eq!(name_of(Path::new("ß.avi")), "camera");
        let listed = list(&["a \"b\"", "c\\d"]);
        let table: toml::Table = format!("v = {listed}").parse().expect("TOML");
        let texts: Vec<&str> = table["v"].as_array().expect("a list").iter().filter_map(|v| v.as_str()).collect();
        assert_eq!(texts, ["a \"b\"", "c\\d"]);
    }

    #[test]
    fn the_recipe_of_cameras_is_one() {
        let overrides = ["data.classes=[\"person\"]".to_owned()];
        let recipe = Recipe::from_text("cameras", CAMERA_RECIPE, &overrides).expect("valid");
        assert!(recipe.detects() && recipe.has_foreign_teacher() && recipe.augment.settle > 0.0);
    }
}
