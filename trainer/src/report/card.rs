//! The card that goes with a student: what it is, what it learned from, how good it is and what it is bad at.

use std::fmt::Write;

use crate::data::CLASSES;
use crate::distil::{Arm, Results};
use crate::evaluate::Summary;
use crate::nets::Weights;
use crate::recipe::Recipe;

fn percent(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{:.1}", 100.0 * value))
}

/// The card as Markdown. `bytes` is the size of the int8 file.
pub fn card(recipe: &Recipe, results: &Results, bytes: usize) -> String {
    let architecture = recipe.student.architecture(recipe.data.size);
    let count = Weights::random(&architecture, 0).count();
    let mut text = String::new();
    let size = recipe.data.size;
    let _ = write!(
        text,
        "# {name}-{size}\n\n\
         Finds {classes} in pictures: a compact anchor-free detector in int8, distilled on synthetic scenes. It shows that \
         the whole way works, and is of use wherever plain shapes lie on a ground.\n\n\
         | | |\n|---|---|\n\
         | input | {size}×{size} RGB, letterboxed |\n\
         | parameters | {count} |\n\
         | multiply-accumulates | {macs:.1} million |\n\
         | file | {kilobytes} kB, int8 (QDQ), opset 13 |\n\
         | licence | MIT OR Apache-2.0, like the code; no third-party data or weights went into it |\n\n",
        name = recipe.name,
        classes = list(&CLASSES),
        macs = architecture.macs() as f64 / 1e6,
        kilobytes = bytes.div_ceil(1000),
    );
    let kept = results.students.iter().find(|student| student.arm == Arm::Distilled);
    let _ = write!(
        text,
        "## How good it is\n\nCOCO figures over {} scenes that nothing was trained on, measured by the Retort runtime on \
         the files themselves.\n\n| file | AP | AP50 | AP75 | AP small | AP medium |\n|---|---|---|---|---|---|\n",
        recipe.data.test
    );
    let mut row = |name: &str, s: &Summary| {
        let figures = [s.ap, s.ap50, s.ap75, s.small, s.medium].map(percent).join(" | ");
        let _ = writeln!(text, "| {name} | {figures} |");
    };
    if let Some(kept) = kept {
        row("**this student, int8**", &kept.int8);
        row("the same in f32", &kept.float);
    }
    row("its teacher, f32", &results.teacher);
    if let Some(kept) = kept {
        let classes = CLASSES.iter().zip(&kept.int8.classes).map(|(name, ap)| format!("{name} {}", percent(*ap)));
        let _ = write!(text, "\nAP by class, int8: {}.\n", classes.collect::<Vec<_>>().join(", "));
    }
    let _ = write!(
        text,
        "\n## What distillation gave\n\nBoth arms start from the same weights and take {steps} steps of {batch} pictures on \
         the same schedule, and both have the same {labelled} labelled scenes. The control sees only those. The distilled \
         student sees {mixed} of them in each batch and fills the rest from {transfer} scenes without labels, with the \
         teacher's word for all. The teacher had {teacher} labelled scenes of its own. The gain is therefore that of having \
         a teacher and unlabelled scenes, not of soft targets alone.\n\n\
         | seed | control int8 AP / AP50 | distilled int8 AP / AP50 | distilled f32 AP / AP50 |\n|---|---|---|---|\n",
        steps = recipe.learning.steps,
        batch = recipe.learning.batch,
        labelled = recipe.data.labelled,
        mixed = recipe.distil.labelled,
        transfer = recipe.data.transfer,
        teacher = recipe.data.teacher,
    );
    for &seed in &recipe.seeds {
        let of = |arm| results.students.iter().find(|student| student.seed == seed && student.arm == arm);
        if let (Some(control), Some(distilled)) = (of(Arm::Control), of(Arm::Distilled)) {
            let pair = |s: &Summary| format!("{} / {}", percent(s.ap), percent(s.ap50));
            let (c, d, f) = (pair(&control.int8), pair(&distilled.int8), pair(&distilled.float));
            let _ = writeln!(text, "| {seed} | {c} | {d} | {f} |");
        }
    }
    let _ = write!(
        text,
        "\n{verdict} From f32 to int8 this student loses {loss:.2} AP50.\n\n\
         ## How it was made\n\n`retort-train distill models/recipes/{name}.toml`; the recipe's CRC-32 is {crc:08x}. Scenes are \
         drawn from seed {seed}: six classes and three kinds of distractor on five kinds of ground, with uneven light, \
         shadows, blur, noise and colour casts. Scores below {score} are not shown.\n\n\
         ## What it is bad at\n\n\
         * Anything but flat shapes on a ground: it has never seen a photograph.\n\
         {weak}\
         * Shapes that others hide by half, that are hardly unlike their ground, or that lie in deep shadow.\n\
         * Wide pictures: letterboxing shrinks what is in them.\n",
        verdict = results.verdict.words,
        loss = results.int8_loss,
        name = recipe.name,
        crc = recipe.crc32(),
        seed = recipe.data.seed,
        score = recipe.detection.score,
        weak = kept.map(|kept| weaknesses(&kept.int8)).unwrap_or_default(),
    );
    text
}

/// What the figures themselves say is hard: a size and a class.
fn weaknesses(s: &Summary) -> String {
    let classes = CLASSES.iter().zip(&s.classes).filter_map(|(name, ap)| ap.map(|ap| (name, ap)));
    let weakest = classes.min_by(|a, b| a.1.total_cmp(&b.1));
    let mut text = String::new();
    if let (Some(small), Some(medium)) = (s.small, s.medium)
        && small < medium
    {
        let (small, medium) = (percent(Some(small)), percent(Some(medium)));
        let _ = writeln!(text, "* Shapes under 32×32 pixels at its input: AP {small} against {medium} above.");
    }
    if let Some((name, ap)) = weakest {
        let _ = writeln!(text, "* Of the classes, {name}: AP {}.", percent(Some(ap)));
    }
    text
}

fn list(names: &[&str]) -> String {
    match names {
        [init @ .., last] if !init.is_empty() => format!("{} and {last}", init.join(", ")),
        _ => names.join(", "),
    }
}
