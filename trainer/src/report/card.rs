//! The card that goes with a student: what it is, what it learned from, how good it is and what it is bad at.

use std::fmt::Write;
use std::path::Path;

use super::table::percent;
use crate::distil::{Arm, Figures, Pictures, Results, Student};
use crate::evaluate::Summary;
use crate::nets::Network;
use crate::recipe::{Recipe, SHAPES};

/// Classes that are named one by one; of more, only the number is said.
const NAMED: usize = 20;

/// The card as Markdown. `bytes` is the size of the int8 file.
pub fn card(recipe: &Recipe, network: &Network, pictures: &Pictures, results: &Results, bytes: usize) -> String {
    let mut text = String::new();
    let kept = results.students.first();
    head(&mut text, recipe, network, results, bytes);
    let _ = write!(
        text,
        "## How good it is\n\nOver {} pictures that nothing was trained on, measured by the Retort runtime on the files \
         themselves.\n\n| file | {} |\n|---|{}\n",
        pictures.test.len(),
        Figures::headings(recipe.detects()).join(" | "),
        "---|".repeat(Figures::headings(recipe.detects()).len()),
    );
    let mut row = |name: &str, figures: &Figures| {
        let _ = writeln!(text, "| {name} | {} |", figures.row().join(" | "));
    };
    if let Some(kept) = kept {
        row("**this student, int8**", &kept.int8);
        row("the same in f32", &kept.float);
    }
    if let Some(teacher) = &results.teacher {
        row("its teacher, f32", teacher);
    }
    if let Some(Figures::Detector(summary)) = kept.map(|kept| &kept.int8) {
        let classes = results.classes.iter().zip(&summary.classes).filter_map(|(name, ap)| ap.map(|ap| (name, ap)));
        let classes: Vec<String> = classes.map(|(name, ap)| format!("{name} {}", percent(Some(ap)))).collect();
        if (2..=NAMED).contains(&classes.len()) {
            let _ = write!(text, "\nAP by class, int8: {}.\n", classes.join(", "));
        }
    }
    distillation(&mut text, recipe, pictures, results);
    let _ = write!(
        text,
        "\n## How it was made\n\n`retort-train {command} RECIPE.toml` with the recipe `{name}`, whose CRC-32 is {crc:08x}, on \
         {data}.\n",
        command = if results.taught() { "distill" } else { "train" },
        name = recipe.name,
        crc = recipe.crc32(),
        data = pictures.words,
    );
    let weak = kept.map(|kept| weaknesses(&kept.int8, &results.classes)).unwrap_or_default();
    let scenes = if recipe.data.source == SHAPES {
        "* Anything but flat shapes on a ground: it has never seen a photograph.\n\
         * Shapes that others hide by half, that are hardly unlike their ground, or that lie in deep shadow.\n"
    } else {
        "* What its pictures do not show: other cameras, light, sizes and places than those it learned from.\n"
    };
    let _ = write!(text, "\n## What it is bad at\n\n{scenes}{weak}");
    if !recipe.data.stretch && recipe.detects() {
        text += "* Pictures of another aspect ratio than its input's: letterboxing shrinks what is in them.\n";
    }
    text
}

fn head(text: &mut String, recipe: &Recipe, network: &Network, results: &Results, bytes: usize) {
    let shape = network.input();
    let does = if recipe.detects() { "Finds" } else { "Tells apart" };
    let classes = if results.classes.len() > NAMED {
        format!("{} classes", results.classes.len())
    } else {
        list(&results.classes)
    };
    let learned = if results.taught() { "distilled from a teacher" } else { "trained on labels" };
    let _ = write!(
        text,
        "# {name}\n\n{does} {classes}: a compact network in int8, {learned}.\n\n\
         | | |\n|---|---|\n\
         | input | {width}×{height}, {colour}, {fit} |\n\
         | parameters | {count} |\n\
         | multiply-accumulates | {macs:.1} million |\n\
         | file | {kilobytes} kB, int8 (QDQ), opset 13 |\n",
        name = recipe.name,
        width = shape.width,
        height = shape.height,
        colour = if shape.channels == 1 { "grey" } else { "RGB" },
        fit = if recipe.data.stretch { "stretched" } else { "letterboxed" },
        count = network.parameters(),
        macs = network.macs() as f64 / 1e6,
        kilobytes = bytes.div_ceil(1000),
    );
    if recipe.data.source == SHAPES {
        *text += "| licence | MIT OR Apache-2.0, like the code; no third-party data or weights went into it |\n";
    }
    *text += "\n";
}

/// Both arms, seed by seed.
fn distillation(text: &mut String, recipe: &Recipe, pictures: &Pictures, results: &Results) {
    let o = &recipe.learning;
    let length = if o.epochs > 0 { format!("{} epochs", o.epochs) } else { format!("{} steps", o.steps) };
    if let Some(words) = &results.standing {
        let _ = write!(
            text,
            "\n## What it learned from\n\nFor {length} of {} pictures a step it saw {} pictures that nobody labelled, with what its \
             teacher ({}) found in them. {words} From f32 to int8 this student loses {:.2} points.\n",
            o.batch,
            pictures.transfer.len(),
            teachers(recipe),
            results.int8_loss,
        );
    }
    let Some(verdict) = &results.verdict else { return };
    let _ = write!(
        text,
        "\n## What distillation gave\n\nBoth arms start from the same weights and learn for {length} of {batch} pictures a \
         step on the same schedule, and both have the same {labelled} labelled pictures.",
        batch = o.batch,
        labelled = pictures.labelled.len(),
    );
    if !pictures.transfer.is_empty() {
        let _ = write!(
            text,
            " The control sees only those. The distilled student sees {mixed} of them in each batch and fills the rest \
             from {transfer} pictures without labels, with the teacher's word for all. The gain is therefore that of \
             having a teacher and unlabelled pictures, not of soft targets alone.",
            mixed = recipe.distil.labelled,
            transfer = pictures.transfer.len(),
        );
    }
    if recipe.teacher.models.is_empty() {
        let _ = write!(text, " The teacher learned from {} labelled pictures.", pictures.teacher.len());
    }
    let name = results.students.first().map_or("AP", |student| student.int8.name());
    let _ = write!(
        text,
        "\n\n| seed | control int8 {name} | distilled int8 {name} | distilled f32 {name} |\n|---|---|---|---|\n"
    );
    for &seed in &recipe.seeds {
        let of = |arm| results.students.iter().find(|student| student.seed == seed && student.arm == arm);
        if let (Some(control), Some(distilled)) = (of(Arm::Control), of(Arm::Distilled)) {
            let Student { int8, float, .. } = distilled;
            let _ =
                writeln!(text, "| {seed} | {:.2} | {:.2} | {:.2} |", control.int8.main(), int8.main(), float.main());
        }
    }
    let _ = write!(
        text,
        "\n{words} From f32 to int8 this student loses {loss:.2} points.\n",
        words = verdict.words,
        loss = results.int8_loss,
    );
    if let Some(o) = recipe.refining() {
        let length = if o.epochs > 0 { format!("{} epochs", o.epochs) } else { format!("{} steps", o.steps) };
        let _ = writeln!(
            text,
            "After that schedule every student learned for another {length} in the board's integers; all figures are of the \
             weights after that."
        );
    }
}

/// The teacher's files without their folders.
fn teachers(recipe: &Recipe) -> String {
    let file =
        |path: &String| Path::new(path).file_name().map_or(path.clone(), |name| name.to_string_lossy().into_owned());
    let files: Vec<String> = recipe.teacher.models.iter().chain([&recipe.teacher.answers]).map(file).collect();
    files.into_iter().filter(|file| !file.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What the figures themselves say is hard: a size and a class.
fn weaknesses(figures: &Figures, classes: &[String]) -> String {
    let Figures::Detector(s) = figures else { return String::new() };
    let of_classes = classes.iter().zip(&s.classes).filter_map(|(name, ap)| ap.map(|ap| (name, ap)));
    let weakest = of_classes.min_by(|a, b| a.1.total_cmp(&b.1));
    let mut text = String::new();
    small_objects(s, &mut text);
    if let Some((name, ap)) = weakest
        && classes.len() > 1
    {
        let _ = writeln!(text, "* Of the classes, {name}: AP {}.", percent(Some(ap)));
    }
    text
}

fn small_objects(s: &Summary, text: &mut String) {
    if let (Some(small), Some(medium)) = (s.small, s.medium)
        && small < medium
    {
        let (small, medium) = (percent(Some(small)), percent(Some(medium)));
        let _ = writeln!(text, "* Objects under 32×32 pixels: AP {small} against {medium} above.");
    }
}

fn list(names: &[String]) -> String {
    match names {
        [init @ .., last] if !init.is_empty() => format!("{} and {last}", init.join(", ")),
        _ => names.join(", "),
    }
}
