//! The top of the page: what may be said of the run, and its four most important numbers.

use super::markup::Markup;
use super::source::Run;
use crate::audit::Tendency;
use crate::distil::{Arm, Results, Verdict};
use crate::evaluate::statistics::{Interval, margin, mean_interval};

/// The boards that are named on top: the weakest.
const BOARD: (&str, &str) = ("zero2w", "Raspberry Pi Zero 2 W");

pub fn head(run: &Run, m: &mut Markup) {
    let task = if run.detects() { "detector" } else { "classifier" };
    let how = if run.distilled() { "distilled from a teacher" } else { "trained on labels" };
    let classes = run.classes();
    let classes = match classes.len() {
        0 => String::new(),
        1..=8 => format!(" of {}", classes.join(", ")),
        many => format!(" of {many} classes"),
    };
    if run.results.is_some() {
        m.element(
            "p",
            &[("class", "soft")],
            &format!("A {task}{classes}, {how}; measured by the Retort runtime on the files that it hands over."),
        );
    }
    verdict(run, m);
    if let Some(results) = &run.results {
        cards(run, results, m);
    }
    points(run, m);
    if !run.missing.is_empty() {
        m.with("div", &[("class", "missing")], |m| {
            m.text(&format!("Not on this page, for want of {} in the run folder.", run.missing.join(", ")));
        });
    }
}

fn verdict(run: &Run, m: &mut Markup) {
    let verdict = run.results.as_ref().and_then(|results| results.verdict.as_ref());
    let words = verdict.map(|verdict| verdict.words.clone()).or_else(|| run.verdict.clone());
    let words = words.or_else(|| {
        let results = run.results.as_ref().filter(|_| !run.distilled())?;
        let mean = mean_interval(&values(results, Arm::Control))?;
        let name = results.students.first()?.int8.name();
        Some(format!(
            "Trained on labels alone, the int8 student reaches {name} {:.1} on the test pictures.",
            mean.value
        ))
    });
    let Some(words) = words else { return };
    box_of(verdict.is_some_and(|verdict| verdict.gained), &words, m);
}

/// Of the int8 files of an arm, seed by seed, 0 to 100.
pub fn values(results: &Results, arm: Arm) -> Vec<f64> {
    results.students.iter().filter(|student| student.arm == arm).map(|student| student.int8.main()).collect()
}

/// A mean with half the width of its interval, which one seed does not have.
pub fn mean_words(mean: Interval, seeds: usize) -> String {
    if seeds > 1 { format!("± {:.1} (95 %) over {seeds} seeds", mean.high - mean.value) } else { "one seed".into() }
}

/// A number that is looked at first, and what it is.
pub fn card(m: &mut Markup, number: &str, words: &str) {
    m.with("div", &[("class", "card")], |m| {
        m.element("b", &[], number);
        m.element("span", &[], words);
    });
}

/// What may be said of it all, in a box that is green where something is gained.
pub fn box_of(gained: bool, words: &str, m: &mut Markup) {
    let class = if gained { "verdict gained" } else { "verdict" };
    m.with("div", &[("class", class)], |m| m.element("p", &[], words));
}

fn cards(run: &Run, results: &Results, m: &mut Markup) {
    m.with("div", &[("class", "cards")], |m| {
        let students = values(results, run.kept());
        if let (Some(mean), Some(first)) = (mean_interval(&students), results.students.first()) {
            let words = format!("{}, student in int8, {}", first.int8.name(), mean_words(mean, students.len()));
            card(m, &format!("{:.1}", mean.value), &words);
        }
        if let Some(verdict) = &results.verdict {
            let half = margin(&verdict.differences).map(|half| format!(" ± {half:.1} (95 %)")).unwrap_or_default();
            let claim = if verdict.gained { "claimed" } else { "not claimed as a gain" };
            card(m, &signed(verdict.gain, 1), &format!("points against the control{half}; {claim}"));
        }
        let student =
            run.comparison.iter().flat_map(|c| &c.networks).find(|n| n.network == "student" && n.format == "int8");
        if let Some(student) = student {
            let count =
                student.parameters.map(|count| format!("{} parameters, ", grouped(count as u64))).unwrap_or_default();
            let words =
                format!("file in int8; {count}{:.1} million multiply-accumulates", student.cost.macs as f64 / 1e6);
            card(m, &format!("{:.1} kB", student.bytes as f64 / 1000.0), &words);
            if let Some(ms) = student.cost.predicted_ms.get(BOARD.0) {
                card(
                    m,
                    &format!("{} ms", digits(*ms)),
                    &format!("predicted, not measured, on a {}, all cores", BOARD.1),
                );
            }
        }
    });
}

/// The rest of what is to be known before the figures are read.
fn points(run: &Run, m: &mut Markup) {
    let mut all: Vec<String> = Vec::new();
    if let Some(results) = &run.results
        && let Some(first) = results.students.iter().find(|student| student.arm == run.kept())
    {
        let loss = results.int8_loss;
        let what = if loss.abs() < 0.05 {
            "neither costs nor gains anything".into()
        } else if loss > 0.0 {
            format!("costs {loss:.1} points")
        } else {
            format!("gains {:.1} points", -loss)
        };
        all.push(format!("From f32 to int8, the student of seed {} {what}.", first.seed));
    }
    if let Some(results) = &run.results {
        all.extend(results.assistants.probe.as_ref().map(|probe| format!("{}.", probe.words)));
        all.extend(results.assistance.as_ref().map(|verdict| verdict.words.clone()));
    }
    if let Some(audit) = &run.audit {
        let worse = audit.worse(|name, _| name.to_owned());
        all.push(if worse.is_empty() {
            "The teacher is worse beyond the noise on no class and no slice of the pictures.".into()
        } else {
            format!("The teacher is worse beyond the noise on: {}.", worse.join(", "))
        });
    }
    if let Some(inheritance) = run.inheritance.as_ref().filter(|inheritance| inheritance.mistakes > 0) {
        let [distilled, control] = [&inheritance.distilled, &inheritance.control]
            .map(|rates| rates.mean.map_or("–".into(), |mean| format!("{:.0} %", 100.0 * mean.value)));
        let so = match inheritance.tendency {
            Tendency::Inherited => "Distillation passed mistakes on",
            Tendency::NotInherited => "Distillation passed no mistakes on",
            Tendency::Undecided => "Whether distillation passed mistakes on is inside the noise",
        };
        all.push(format!("{so}: where the teacher is wrong, {distilled} of its mistakes are repeated by distilled students and {control} by the control."));
    }
    if !all.is_empty() {
        m.with("ul", &[], |m| all.iter().for_each(|point| m.element("li", &[], point)));
    }
}

/// A mean with one decimal; a dash where there is none.
pub fn value(mean: Option<Interval>) -> String {
    mean.map_or("–".to_owned(), |mean| format!("{:.1}", mean.value))
}

/// A number with its sign, which nothing has none of.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:+.decimals$}");
    let is_nothing = text.bytes().all(|letter| !matches!(letter, b'1'..=b'9'));
    if is_nothing { text[1..].to_owned() } else { text.replace('-', "−") }
}

/// What is gained, and half the width of its interval.
pub fn gain(verdict: &Verdict) -> String {
    let half = verdict.margin.map(|half| format!(" ± {half:.1}")).unwrap_or_default();
    signed(verdict.gain, 1) + &half
}

/// With a thin space between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Two or three digits.
pub fn digits(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([0.123, 12.34, 123.4].map(digits), ["0.12", "12.3", "123"]);
        assert_eq!([0.2, -0.4, 3.0, -10.0].map(|value| signed(value, 0)), ["0", "0", "+3", "−10"]);
        assert_eq!([0.04, -0.06].map(|value| signed(value, 1)), ["0.0", "−0.1"]);
        let mean = mean_interval(&[40.0, 42.0]).expect("two");
        assert_eq!(mean_words(mean, 2), "± 12.7 (95 %) over 2 seeds");
    }
}
