//! `retort-train prune`: a narrower network from a wide one, be it the student of a run, which is then taught on, or any float model.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use retort::cli::LimitArguments;
use retort::model::Model;
use serde::Serialize;

use super::budget::{goal, known_board};
use super::distil::tell;
use super::foreign::{Judge, beside, described, pictures};
use crate::distil::{self, Arm, Narrowing, Results, experiment, kept_arm, narrow};
use crate::evaluate::LabelledSet;
use crate::limits::read_model;
use crate::posttraining::{Show, options};
use crate::pruning::{Goal, Limits, Options, Pruned, Row, Saliency, Takes, prune};
use crate::recipe::Recipe;
use crate::report::{Bars, Look, RunFolder, Table};
use crate::train::Place;
use crate::whole;

pub(super) const EXAMPLES: &str = "Examples:
  retort-train prune runs/front-door --macs 50%
  retort-train prune runs/front-door --ms 5 --board pi4 --epochs 20 --run runs/front-door-quick
  retort-train prune yolox_nano.onnx --macs 85% --calibrate photos --labels photos/data.yaml
  retort-train prune detector.onnx --macs 300M --calibrate front-door.avi --out small.onnx --report pruning";

/// By what share of a run's learning its student is taught on, and at what share of the rate.
const AGAIN: usize = 3;
const RATE: f32 = 0.5;
/// The table of what was pruned, in a report or run folder.
const TABLE: &str = "pruning.csv";

/// How channels are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// How far the results of the layers that read it move on pictures, after their other weights have made good what they can
    Outputs,
    /// The weights that make it
    Magnitude,
    /// Gradients of the losses that the student learned by; of a run only
    Taylor,
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of a run, or a float model, an ONNX file
    what: PathBuf,
    /// Multiply-accumulates that are left: a number such as 30M, or a share such as 50%
    #[arg(long, value_name = "N", required_unless_present = "ms", conflicts_with = "ms")]
    macs: Option<String>,
    /// Predicted milliseconds that it may take on the board in int8
    #[arg(long, value_name = "MS")]
    ms: Option<f64>,
    /// The board whose milliseconds count
    #[arg(long, value_name = "BOARD", default_value = "pi4")]
    board: String,
    /// How channels are judged [default: outputs]
    #[arg(long, value_enum, value_name = "HOW")]
    by: Option<By>,
    /// Layers keep a multiple of so many channels, which the kernels compute at once
    #[arg(long, value_name = "N", default_value_t = 8)]
    multiple: usize,
    /// The least percent of its channels that a layer keeps
    #[arg(long, value_name = "PERCENT", default_value_t = 12.5)]
    floor: f64,
    /// Leave the weights that stay as they are, instead of fitting them to the pictures
    #[arg(long)]
    plain: bool,
    /// How many pictures to look at
    #[arg(long, value_name = "N", default_value_t = 64)]
    pictures: usize,
    /// Of a model: pictures like those that it will see: a folder, a set, or a video. Nobody needs to have labelled them
    #[arg(long, value_name = "PATH")]
    calibrate: Option<PathBuf>,
    /// Of a model: where to put the pruned one [default: MODEL-pruned.onnx, beside the whole one]. Of a run: where to put the student,
    /// beside the run folder
    #[arg(long, value_name = "FILE.onnx")]
    out: Option<PathBuf>,
    /// Of a model: its contract, where it carries none and is not well known
    #[arg(long, value_name = "FILE.toml")]
    contract: Option<PathBuf>,
    /// Of a model: labelled pictures to measure it on before and after
    #[arg(long, value_name = "PATH")]
    labels: Option<PathBuf>,
    /// Of a model: folder for a table of what became of every group of channels
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Of a run: epochs that the pruned student is taught on [default: a third of the run's]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Of a run: folder for all that comes of it [default: RUN-pruned]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Of a run: change one key of its recipe; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Of a run: go on with one that was interrupted
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    /// Threads [default: one a processor]; results of a run do not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print the facts as one JSON object
    #[arg(long)]
    json: bool,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Facts<'a> {
    before: Takes,
    after: Takes,
    groups: &'a [Row],
    fitted_layers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<&'a Results>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!((0.0..=100.0).contains(&arguments.floor), "--floor is a share from 0 to 100 percent");
    ensure!((1..=1024).contains(&arguments.multiple), "--multiple is from 1 to 1024 channels");
    let work = || if arguments.what.is_dir() { run_folder(arguments) } else { run_file(arguments) };
    let Some(threads) = arguments.threads.filter(|&threads| threads > 0) else { return work() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start the threads")?;
    pool.install(work)
}

impl Arguments {
    fn options(&self) -> Result<Options> {
        let goal = match (&self.macs, self.ms) {
            (Some(macs), _) => goal(macs)?,
            (None, Some(ms)) => {
                ensure!(ms > 0.0, "--ms must be above 0");
                Goal::Milliseconds(known_board(&self.board)?.to_owned(), ms)
            }
            (None, None) => bail!("there is no budget: give --macs or --ms"),
        };
        let saliency = match self.by {
            Some(By::Magnitude) => Saliency::Magnitude,
            _ => Saliency::Outputs,
        };
        let limits = Limits { multiple: self.multiple, floor: self.floor / 100.0 };
        Ok(Options { goal, saliency, limits, compensate: !self.plain })
    }
}

/// Any float model.
fn run_file(arguments: &Arguments) -> Result<()> {
    let path = &arguments.what;
    let of_runs = [("--epochs", arguments.epochs.is_some()), ("--run", arguments.run.is_some())];
    if let Some((option, _)) = of_runs.iter().find(|(_, given)| *given) {
        bail!("{option} is for the folder of a run, and {} is none", path.display());
    }
    ensure!(arguments.by != Some(By::Taylor), "gradients are known of a run only; judge by outputs or magnitude");
    let bars = Bars::default();
    let chosen = arguments.options()?;
    let bytes = read_model(path).with_context(|| format!("cannot read {}", path.display()))?;
    let model = Model::from_bytes(&bytes, path, &options())?;
    let contract = model.find_contract(arguments.contract.as_deref())?;
    let pictures = match &arguments.calibrate {
        Some(calibrate) => pictures(calibrate, arguments.pictures)?,
        None if arguments.plain && arguments.by == Some(By::Magnitude) => Vec::new(),
        None => bail!("what does it see? Give --calibrate PATH with pictures, or --by magnitude --plain to do without"),
    };
    let labelled = arguments.labels.as_ref().map(|labels| LabelledSet::open(labels, None, true)).transpose()?;
    let show = Show { image: &contract.image, pictures: &pictures, focus: None };
    let mut pruned = prune(&bytes, show, &chosen, &[], &|text| bars.say(text))
        .with_context(|| format!("cannot prune {}", path.display()))?;
    pruned.set_metadata(described(&contract, "pruned", "retort-train prune").to_metadata());
    let judge = Judge { contract: &contract, labelled: labelled.as_ref() };
    let before = judge.measure(model)?;
    let written = pruned.encode();
    let after = judge.measure(Model::from_bytes(&written, path, &options())?)?;
    let points = before.zip(after).map(|(before, after)| [before, after]);
    let out = arguments.out.clone().unwrap_or_else(|| beside(path, "pruned"));
    whole::write(&out, written).with_context(|| format!("cannot write {}", out.display()))?;
    if let Some(folder) = &arguments.report {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let file = folder.join(TABLE);
        std::fs::write(&file, csv(&pruned)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&facts(&pruned, points, None))?);
        return Ok(());
    }
    print!("{}", words(&pruned));
    if let Some([before, after]) = points {
        println!("{}: {before:.1} before, {after:.1} after.", judge.measured());
    }
    println!("{} is the pruned model.", out.display());
    Ok(())
}

/// The student of a run.
fn run_folder(arguments: &Arguments) -> Result<()> {
    let from = &arguments.what;
    let of_models = [
        ("--calibrate", arguments.calibrate.is_some()),
        ("--contract", arguments.contract.is_some()),
        ("--labels", arguments.labels.is_some()),
        ("--report", arguments.report.is_some()),
    ];
    if let Some((option, _)) = of_models.iter().find(|(_, given)| *given) {
        bail!("{option} is for model files; the run of {} has pictures and a report of its own", from.display());
    }
    let before = recipe(from)?;
    let bars = Bars::default();
    let folder = RunFolder::create(&arguments.run.clone().unwrap_or_else(|| pruned_folder(from)))?;
    ensure!(
        folder.file("recipe.toml") != from.join("recipe.toml"),
        "--run must be another folder than {}",
        from.display()
    );
    let labels_only = kept_arm(from, &before)? == Arm::Control;
    let begun =
        arguments.resume && distil::is_narrowed(folder.file("").as_path()) && folder.read("recipe.toml").is_some();
    let (recipe, pruned) = if begun {
        (recipe(folder.file("").as_path())?, None)
    } else {
        let narrowing = Narrowing {
            options: arguments.options()?,
            by_gradients: arguments.by == Some(By::Taylor),
            pictures: arguments.pictures,
            place: Place::default(),
        };
        let started = taught_on(&before, arguments)?;
        let (recipe, pruned) = narrow(&started, from, &folder, &bars, &narrowing)?;
        folder.write(TABLE, csv(&pruned))?;
        if !arguments.json {
            print!("{}", words(&pruned));
        }
        (recipe, Some(pruned))
    };
    let options = distil::Options { resume: arguments.resume, labels_only, place: Place::default() };
    let results = experiment(&recipe, &folder, &bars, options)?;
    if let Some(out) = &arguments.out {
        let student = folder.file("student.onnx");
        std::fs::copy(&student, out).with_context(|| format!("cannot write {}", out.display()))?;
    }
    match (&pruned, arguments.json) {
        (Some(pruned), true) => println!("{}", serde_json::to_string(&facts(pruned, None, Some(&results)))?),
        (None, true) => println!("{}", serde_json::to_string(&results)?),
        _ => tell(&results, &folder, &bars),
    }
    Ok(())
}

/// The recipe of a run.
fn recipe(run: &Path) -> Result<Recipe> {
    let file = run.join("recipe.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{} is not the folder of a run: cannot read {}", run.display(), file.display()))?;
    Ok(Recipe::from_text(&file.display().to_string(), &text, &[])?)
}

/// The recipe of a run as its student is taught on under it: the same teacher and losses, for a shorter time.
fn taught_on(before: &Recipe, arguments: &Arguments) -> Result<Recipe> {
    let learning = &before.learning;
    let epochs = arguments.epochs.unwrap_or(learning.epochs.div_ceil(AGAIN));
    let mut all = vec![
        format!("name={}", toml::Value::String(format!("{}-pruned", before.name))),
        format!("seeds=[{}]", before.seeds[0]),
        format!("learning.epochs={epochs}"),
        format!("learning.steps={}", learning.steps.div_ceil(AGAIN)),
        format!("learning.rate={}", learning.rate * RATE),
        format!("again.add={}", toml::Value::from(before.again.add.clone())),
    ];
    all.extend_from_slice(&arguments.overrides);
    let recipe = Recipe::from_text("the recipe of the run", &before.to_toml(), &all)?;
    ensure!(
        recipe.student == before.student,
        "the student is the run's: only --macs or --ms change it, no student.* with --set"
    );
    Ok(recipe)
}

fn pruned_folder(from: &Path) -> PathBuf {
    let name = from.canonicalize().unwrap_or_else(|_| from.to_owned());
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    from.parent().unwrap_or(Path::new("")).join(format!("{name}-pruned"))
}

fn facts<'a>(pruned: &'a Pruned, points: Option<[f64; 2]>, results: Option<&'a Results>) -> Facts<'a> {
    let Pruned { before, after, rows, fitted, .. } = pruned;
    Facts { before: *before, after: *after, groups: rows, fitted_layers: *fitted, points, results }
}

/// What became of every group, and of the whole.
fn words(pruned: &Pruned) -> String {
    let mut table = Table::new(["channels of", "before", "after", "lost", "MMAC saved"]);
    for row in &pruned.rows {
        let others = row.layers.len() - 1;
        let more = if others > 0 { format!(" and {others} more") } else { String::new() };
        table.row([
            format!("{}{more}", row.layers[0]),
            row.before.to_string(),
            row.after.to_string(),
            if row.before == row.after { "–".to_owned() } else { format!("{:.2e}", row.lost) },
            format!("{:.2}", row.saved as f64 / 1e6),
        ]);
    }
    let (before, after) = (pruned.before, pruned.after);
    let ms = before.ms.zip(after.ms).map(|(before, after)| format!(", {before:.2} to {after:.2} predicted ms"));
    format!(
        "{}{:.2} to {:.2} MMAC, {} to {} parameters{}. {} layers fitted to the pictures.\n",
        table.render(Look::of_stdout()),
        before.macs as f64 / 1e6,
        after.macs as f64 / 1e6,
        before.parameters,
        after.parameters,
        ms.unwrap_or_default(),
        pruned.fitted
    )
}

fn csv(pruned: &Pruned) -> String {
    let mut text = "layers,before,after,lost,macs_saved\n".to_owned();
    for row in &pruned.rows {
        let _ = writeln!(text, "{},{},{},{:e},{}", row.layers.join(" "), row.before, row.after, row.lost, row.saved);
    }
    text
}
