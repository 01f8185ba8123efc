//! `retort-train data check`: what is in a set, and what is wrong with it, before hours are spent on learning from it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use retort::cli::LimitArguments;

use crate::data::check::{Usable, check};
use crate::data::formats::Format;
use crate::data::{Collection, Frames, OpenOptions};

const EXAMPLES: &str = "Examples:
  retort-train data check photos/
  retort-train data check coco/annotations/instances_val2017.json --out report
  retort-train data check clip.mp4 --labels gt.txt --frames 1-600
  retort-train data check mnist/ --json | jq .usable

Formats, recognised by what lies at PATH:
  COCO JSON      a .json with images, annotations, categories; or a folder with it, or with annotations/*.json
  YOLO           data.yaml; or folders images and labels; or pictures with .txt beside them
  Pascal VOC     Annotations/*.xml, JPEGImages, ImageSets/Main; or .xml beside the pictures
  ImageFolder    a folder for each class, perhaps below train, val and test
  IDX            NAME-images-idx3-ubyte with NAME-labels-idx1-ubyte, with or without .gz (MNIST)
  MOT            gt.txt or gt/gt.txt with a folder img1 or a video
  Retort's own   detections.jsonl with pictures, or the lines of `retort detect --json` (.jsonl)
  video          frames, counted from 1 (needs ffmpeg); --labels FILE for MOT lines or .jsonl
  pictures       a folder, without labels

What is left out, and named: pictures that are missing, broken, cut short or empty; boxes that are not finite, have no
area (less than a pixel), or lie outside their picture; labels that cannot be read or have no picture; of two pictures
of one name the second. Boxes that reach beyond their picture are cut. A picture without a label is no example of
nothing: an empty file of labels says that there is nothing in it.
What is refused, with exit status 1: labels of unknown classes; a set, or a part to learn from, of which nothing is left.";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look through a set of pictures: counts, broken files, bad boxes, duplicates, balance, sizes
    #[command(after_help = EXAMPLES)]
    Check(Check),
}

#[derive(clap::Args)]
struct Check {
    /// The set: a folder, a file of labels, a video
    path: PathBuf,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print one JSON object, with every problem, instead of the page
    #[arg(long)]
    json: bool,
    /// Folder for PNG pictures: samples with their boxes, duplicates, bar charts
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Read it as this format, instead of finding out
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File of labels that lies elsewhere
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Folder of pictures, or video, that lies elsewhere
    #[arg(long, value_name = "PATH")]
    pictures: Option<PathBuf>,
    /// Names of the classes in order, separated by commas, or a file with one a line
    #[arg(long, value_name = "NAMES")]
    classes: Option<String>,
    /// Which frames of a video, as 1-600 or 1-600,700-
    #[arg(long, value_name = "RANGES", default_value = "1-")]
    frames: Frames,
}

impl Arguments {
    /// How large pictures may be.
    pub(super) fn limits(&self) -> &LimitArguments {
        match &self.command {
            Command::Check(arguments) => &arguments.limits,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Check(arguments) => run_check(arguments),
    }
}

fn run_check(arguments: &Check) -> Result<()> {
    let options = OpenOptions {
        format: arguments.format,
        labels: arguments.labels.clone(),
        pictures: arguments.pictures.clone(),
        classes: arguments.classes.as_deref().map(class_names).transpose()?,
        frames: arguments.frames.clone(),
    };
    let set = Collection::open(&arguments.path, &options)?;
    let bar = progress(set.len());
    let checked = check(&set, || bar.inc(1));
    bar.finish_and_clear();
    let drawn = arguments.out.as_deref().map(|folder| checked.draw(folder)).transpose()?;
    let report = &checked.report;
    if arguments.json {
        println!("{}", serde_json::to_string(report).context("cannot write JSON")?);
    } else {
        print!("{}", report.table());
        for path in drawn.iter().flatten() {
            println!("  saved {}", path.display());
        }
    }
    match &report.usable {
        Usable::Nothing(why) => anyhow::bail!("{}: {why}", report.path.display()),
        _ => Ok(()),
    }
}

/// Names between commas, or lines of a file of that name.
fn class_names(text: &str) -> Result<Vec<String>> {
    let file = Path::new(text);
    let names = if file.is_file() {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        text.lines().map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).collect()
    } else {
        text.split(',').map(|name| name.trim().to_string()).collect::<Vec<_>>()
    };
    anyhow::ensure!(!names.is_empty() && names.iter().all(|name| !name.is_empty()), "--classes has an empty name");
    Ok(names)
}

/// Shown on a terminal only.
fn progress(count: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::stderr());
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {bar:40} {pos} of {len} pictures, {per_sec}, {eta} to go");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
