//! `retort-train evaluate`: what a model file is worth on labelled pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use retort::cli::LimitArguments;
use retort::contract::Task;
use serde::Serialize;

use crate::data::Part;
use crate::evaluate::coco::Evaluation;
use crate::evaluate::exchange::{read_classes, read_detections, write_classes, write_detections};
use crate::evaluate::tracks::{self, Tracking};
use crate::evaluate::{
    Answers, ClassAgreement, Classification, Detection, Found, Judged, LabelledSet, Probabilities, Respondent, Truths,
    class_map, in_classes,
};
use crate::report::{self, Bars, Look};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train evaluate student.onnx --data photos/data.yaml
  retort-train evaluate student.onnx --data annotations/instances_val2017.json --teacher teacher.onnx --out evaluation
  retort-train evaluate --from-predictions answers.json --data annotations/instances_val2017.json --json
  retort detect student.onnx film.mp4 --track --json > tracks.jsonl; retort-train evaluate --tracks tracks.jsonl --data gt.txt";

/// Pictures of the worst answers.
const WORST: usize = 8;
const WRONG: usize = 36;
/// The threshold that answers from elsewhere are looked at with where no detection is right.
const ELSEWHERE: f64 = 0.3;

#[derive(Clone, Copy, ValueEnum)]
enum PartChoice {
    Train,
    Validation,
    Test,
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The model: an ONNX or plan file
    #[arg(required_unless_present_any = ["from_predictions", "tracks"], conflicts_with_all = ["from_predictions", "tracks"])]
    model: Option<PathBuf>,
    /// Labelled pictures: COCO JSON, YOLO, Pascal VOC, a folder for each class, IDX, MOT
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Which part of a divided set [default: test, or else validation]
    #[arg(long)]
    part: Option<PartChoice>,
    /// Score answers that were made elsewhere: COCO results, or class probabilities
    #[arg(long, value_name = "FILE.json")]
    from_predictions: Option<PathBuf>,
    /// Measure how well objects are followed: lines of `retort detect --track --json`, with --data a MOT file
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["from_predictions", "out", "predictions"])]
    tracks: Option<PathBuf>,
    /// Compare with the answers of another model
    #[arg(long, value_name = "T.onnx", requires = "model")]
    teacher: Option<PathBuf>,
    /// The model's contract, where it carries none
    #[arg(long, value_name = "FILE.toml")]
    contract: Option<PathBuf>,
    /// The teacher's contract, where it carries none
    #[arg(long, value_name = "FILE.toml", requires = "teacher")]
    teacher_contract: Option<PathBuf>,
    /// Detections below this score are left out
    #[arg(long, value_name = "S", default_value_t = 0.01)]
    score: f64,
    /// Write the answers into a file
    #[arg(long, value_name = "FILE.json")]
    predictions: Option<PathBuf>,
    /// Folder for answers, figures, charts and pictures of the worst cases
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

/// All figures with what they are of, as `metrics.json` and `--json` have them.
#[derive(Serialize)]
struct Metrics<'a, T> {
    model: String,
    data: String,
    classes: &'a [String],
    #[serde(flatten)]
    figures: T,
}

#[derive(Serialize)]
struct ClassFigures<'a> {
    #[serde(flatten)]
    classification: &'a Classification,
    agreement: Option<&'a ClassAgreement>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(tracks) = &arguments.tracks {
        return follow(tracks, arguments);
    }
    let bars = Bars::default();
    let part = arguments.part.map(|part| match part {
        PartChoice::Train => Part::Train,
        PartChoice::Validation => Part::Validation,
        PartChoice::Test => Part::Test,
    });
    let set = LabelledSet::open(&arguments.data, part, arguments.model.is_some())?;
    for note in &set.notes {
        bars.say(&format!("warning: {note}"));
    }
    if let Some(out) = &arguments.out {
        std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    }
    let text = match set.truths {
        Truths::Boxes(_) => detect(arguments, set, &bars)?,
        Truths::Classes(_) => classify(arguments, set, &bars)?,
    };
    println!("{}", text.trim_end());
    Ok(())
}

/// How well objects are followed.
fn follow(tracks: &Path, arguments: &Arguments) -> Result<()> {
    let tracking = Tracking::of(&tracks::film(tracks, &arguments.data)?);
    if arguments.json {
        println!("{}", serde_json::to_string(&tracking)?);
        return Ok(());
    }
    let Tracking { frames, objects, clear, identity } = tracking;
    println!("{} on {} ({frames} frames, {objects} boxes)\n", tracks.display(), arguments.data.display());
    println!(
        "MOTA {:.1}, MOTP {:.1}: {} missed, {} false alarms, {} switches of number",
        100.0 * clear.mota,
        100.0 * clear.motp,
        clear.misses,
        clear.false_alarms,
        clear.switches
    );
    println!(
        "IDF1 {:.1}: precision {:.1}, recall {:.1} %; {} tracks, {} in truth",
        100.0 * identity.idf1,
        100.0 * identity.id_precision,
        100.0 * identity.id_recall,
        identity.tracks,
        identity.tracks_of_truth
    );
    Ok(())
}

fn open(path: &Path, contract: Option<&Path>, task: Task) -> Result<Respondent> {
    let respondent = Respondent::open(path, contract)?;
    match (respondent.task(), task) {
        (Task::Detect, Task::Classify) => {
            bail!("{} finds boxes, but the data say what each picture shows as a whole", path.display())
        }
        (Task::Classify, Task::Detect) => {
            bail!("{} says what a picture shows as a whole, but the data have boxes", path.display())
        }
        _ => Ok(respondent),
    }
}

/// Detections with the data's classes. Those of classes that the data lack are left out.
fn ask_boxes(
    respondent: &Respondent,
    set: &LabelledSet,
    score: f64,
    title: &str,
    bars: &Bars,
) -> Result<Answers<Vec<Found>>> {
    let map = class_map(respondent.classes(), &set.register.class_names()).map_err(anyhow::Error::msg)?;
    let bar = bars.start(title, set.items.len());
    let answers = respondent.detect(&set.items, score, |n| bar.advance(n), |_, found| in_classes(found, &map))?;
    bar.finish("");
    Ok(answers)
}

/// Keeps the pictures that were answered, in the set and in each list of answers.
fn keep_answered<T: Default>(set: &mut LabelledSet, lists: &mut [&mut Answers<T>], bars: &Bars) -> Result<()> {
    let mut problems: Vec<&String> = lists.iter().flat_map(|list| &list.problems).collect();
    problems.dedup();
    problems.iter().take(5).for_each(|problem| bars.say(&format!("warning: left out: {problem}")));
    let count = set.register.pictures.len();
    let answered: Vec<bool> = (0..count)
        .map(|number| lists.iter().all(|list| list.answers.get(number).is_some_and(Option::is_some)))
        .collect();
    let missing = answered.iter().filter(|answered| !**answered).count();
    if missing > 0 {
        bars.say(&format!("warning: {missing} of {count} pictures have no answer and are left out"));
    }
    ensure!(missing < count, "no picture has an answer");
    set.retain(|number| answered[number]);
    for list in lists.iter_mut() {
        let mut numbers = answered.iter();
        list.answers.retain(|_| *numbers.next().unwrap_or(&false));
    }
    Ok(())
}

fn detect(arguments: &Arguments, mut set: LabelledSet, bars: &Bars) -> Result<String> {
    let names = set.register.class_names();
    let (mut answers, mut teacher, own_score) = match (&arguments.model, &arguments.from_predictions) {
        (Some(model), _) => {
            let task = Task::Detect;
            let respondent = open(model, arguments.contract.as_deref(), task)?;
            let own = ask_boxes(&respondent, &set, arguments.score, "asking the model", bars)?;
            let taught = match &arguments.teacher {
                Some(path) => {
                    let teacher = open(path, arguments.teacher_contract.as_deref(), task)?;
                    Some(ask_boxes(&teacher, &set, arguments.score, "asking the teacher", bars)?)
                }
                None => None,
            };
            (own, taught, respondent.score())
        }
        (None, Some(path)) => {
            let (found, strays) = read_detections(path, &set.register)?;
            if strays > 0 {
                bars.say(&format!("warning: {strays} answers are to pictures that the data lack; they are left out"));
            }
            (Answers { answers: found.into_iter().map(Some).collect(), problems: Vec::new() }, None, ELSEWHERE)
        }
        (None, None) => bail!("there is neither a model nor a file of answers"),
    };
    let mut lists: Vec<&mut Answers<Vec<Found>>> = std::iter::once(&mut answers).chain(teacher.as_mut()).collect();
    // A file of annotations without its pictures has no items to keep in step.
    keep_answered(&mut set, &mut lists, bars)?;
    let Truths::Boxes(truths) = &set.truths else { bail!("the data have no boxes") };
    let pictures: Vec<Judged> = (answers.answers.into_iter().flatten().zip(truths))
        .map(|(found, truths)| Judged { found, truths: truths.clone() })
        .collect();
    let taught: Option<Vec<Vec<Found>>> = teacher.map(|teacher| teacher.answers.into_iter().flatten().collect());
    let evaluation = Evaluation::new(&pictures, names.len());
    let figures = Detection::new(&pictures, &evaluation, names.len(), own_score, taught.as_deref());

    let found: Vec<Vec<Found>> = pictures.iter().map(|picture| picture.found.clone()).collect();
    if let Some(path) = &arguments.predictions {
        write_detections(path, &set.register, &found)?;
    }
    let metrics = metrics(arguments, &names, &figures)?;
    if let Some(out) = &arguments.out {
        write_detections(&out.join("predictions.json"), &set.register, &found)?;
        write_text(&out.join("metrics.json"), &metrics)?;
        let curves: Vec<_> = (0..names.len()).filter_map(|class| evaluation.curve(class, 0)).collect();
        let mean = evaluation.mean_precision(0);
        let title = model_name(arguments);
        let chart = |name: &str, drawing: retort::chart::Drawing| drawing.save(&out.join(name));
        let of = |what: &str| format!("{title}: {what}");
        chart(
            "precision-recall.png",
            report::precision_recall(&of("precision and recall, IoU .50"), mean.as_ref(), &curves),
        )?;
        let pooled = evaluation.pooled_curve(0);
        chart("score-threshold.png", report::operating_points(&of("what a score threshold gives, IoU .50"), &pooled))?;
        chart("by-class.png", report::by_class(&of("average precision by class"), &names, &figures.by_class))?;
        let with_nothing: Vec<String> = names.iter().cloned().chain(["nothing".to_owned()]).collect();
        let score = figures.best.map_or(own_score, |best| best.score);
        let at = format!("confusion, from score {score:.2} on, IoU .50");
        chart("confusion.png", report::confusion(&of(&at), &with_nothing, &figures.confusion))?;
        chart("reliability.png", report::reliability(&of("reliability of scores"), &figures.reliability))?;
        for (place, number) in report::worst(&pictures, score, WORST).into_iter().enumerate() {
            let Some(Ok(sample)) = set.items.get(number).map(|item| item.load()) else { continue };
            let mut answers = vec![("model", &pictures[number].found[..])];
            answers.extend(taught.as_ref().map(|taught| ("teacher", &taught[number][..])));
            let shown = report::side_by_side(&sample, &pictures[number].truths, &answers, score, &names);
            save(&shown, &out.join(format!("worst-{}.png", place + 1)))?;
        }
    }
    if arguments.json {
        return Ok(metrics);
    }
    let head = format!("{}, {} pictures, {} objects", set.description, figures.pictures, figures.objects);
    Ok(heading(arguments, &head) + &report::detection(&figures, &names, Look::of_stdout()) + &written(arguments))
}

fn classify(arguments: &Arguments, mut set: LabelledSet, bars: &Bars) -> Result<String> {
    let names = set.register.class_names();
    let ask = |path: &Path, contract: Option<&Path>, title: &str| -> Result<Answers<Vec<f32>>> {
        let respondent = open(path, contract, Task::Classify)?;
        let map = class_map(respondent.classes(), &names).map_err(anyhow::Error::msg)?;
        let bar = bars.start(title, set.items.len());
        let mut answers = respondent.classify(&set.items, |n| bar.advance(n), |_, row| row)?;
        bar.finish("");
        for row in answers.answers.iter_mut().flatten() {
            let mut mapped = vec![0.0; names.len()];
            for (&value, class) in row.iter().zip(&map) {
                if let Some(class) = class {
                    mapped[*class] = value;
                }
            }
            *row = mapped;
        }
        Ok(answers)
    };
    let (mut answers, mut teacher) = match (&arguments.model, &arguments.from_predictions) {
        (Some(model), _) => {
            let own = ask(model, arguments.contract.as_deref(), "asking the model")?;
            let taught = match &arguments.teacher {
                Some(path) => Some(ask(path, arguments.teacher_contract.as_deref(), "asking the teacher")?),
                None => None,
            };
            (own, taught)
        }
        (None, Some(path)) => {
            let (answers, strays) = read_classes(path, &set.register)?;
            if strays > 0 {
                bars.say(&format!("warning: {strays} answers are to pictures that the data lack; they are left out"));
            }
            (Answers { answers, problems: Vec::new() }, None)
        }
        (None, None) => bail!("there is neither a model nor a file of answers"),
    };
    let mut lists: Vec<&mut Answers<Vec<f32>>> = std::iter::once(&mut answers).chain(teacher.as_mut()).collect();
    keep_answered(&mut set, &mut lists, bars)?;
    let Truths::Classes(truths) = &set.truths else { bail!("the data have no classes") };
    let table = |answers: &Answers<Vec<f32>>| Probabilities {
        classes: names.len(),
        rows: answers.answers.iter().flatten().flatten().copied().collect(),
    };
    let own = table(&answers);
    let figures = Classification::new(&own, truths);
    let agreement = teacher.as_ref().map(|teacher| ClassAgreement::new(&own, &table(teacher), truths));

    if let Some(path) = &arguments.predictions {
        write_classes(path, &set.register, &answers.answers)?;
    }
    let both = ClassFigures { classification: &figures, agreement: agreement.as_ref() };
    let metrics = metrics(arguments, &names, &both)?;
    if let Some(out) = &arguments.out {
        write_classes(&out.join("predictions.json"), &set.register, &answers.answers)?;
        write_text(&out.join("metrics.json"), &metrics)?;
        let title = model_name(arguments);
        let of = |what: &str| format!("{title}: {what}");
        report::confusion(&of("confusion"), &names, &figures.confusion).save(&out.join("confusion.png"))?;
        report::reliability(&of("reliability"), &figures.reliability).save(&out.join("reliability.png"))?;
        let rows: Vec<(usize, &[f32], usize)> =
            own.iter().zip(truths).enumerate().map(|(number, (row, &truth))| (number, row, truth)).collect();
        let load = |number: usize| set.items.get(number)?.load().ok();
        if let Some(sheet) = report::wrong_classes(&rows, WRONG, &names, load) {
            save(&sheet, &out.join("worst.png"))?;
        }
    }
    if arguments.json {
        return Ok(metrics);
    }
    let head = format!("{}, {} pictures", set.description, figures.pictures);
    let text = report::classification(&figures, agreement.as_ref(), &names, Look::of_stdout());
    Ok(heading(arguments, &head) + &text + &written(arguments))
}

fn model_name(arguments: &Arguments) -> String {
    let path = arguments.model.as_ref().or(arguments.from_predictions.as_ref());
    let name = path.and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default()
}

fn heading(arguments: &Arguments, data: &str) -> String {
    format!("{} on {} ({data})\n\n", model_name(arguments), arguments.data.display())
}

fn written(arguments: &Arguments) -> String {
    let out = arguments.out.as_ref();
    out.map_or(String::new(), |out| format!("\nCharts, answers and the worst cases are in {}.\n", out.display()))
}

fn metrics<T: Serialize>(arguments: &Arguments, classes: &[String], figures: T) -> Result<String> {
    let metrics =
        Metrics { model: model_name(arguments), data: arguments.data.display().to_string(), classes, figures };
    Ok(serde_json::to_string(&metrics)?)
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, format!("{text}\n")).with_context(|| format!("cannot write {}", path.display()))
}

fn save(picture: &image::RgbImage, path: &Path) -> Result<()> {
    picture.save(path).with_context(|| format!("cannot write {}", path.display()))
}
