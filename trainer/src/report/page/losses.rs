//! The page of a comparison of losses: which of them earns its place, and by how much.

use super::Section;
use super::markup::Markup;
use super::strip::{Span, Strip};
use super::summary::{box_of, card, gain, mean_words, signed, value};
use crate::distil::{Compared, Comparison, Student, Verdict};
use crate::evaluate::statistics::{Interval, mean_interval};

pub const SECTIONS: [Section<Comparison>; 2] =
    [("gains", "What each loss gains", gains), ("refused", "What does not fit", refused)];

pub fn top(comparison: &Comparison, m: &mut Markup) {
    m.element(
        "p",
        &[("class", "soft")],
        "Every loss by itself beside the labels, for the same student, seeds and schedule, against students on labels alone; \
         measured by the Retort runtime on the int8 files.",
    );
    let gained = tried(comparison).any(|(_, verdict)| verdict.gained);
    box_of(gained, &words(comparison), m);
    m.with("div", &[("class", "cards")], |m| {
        let name = comparison.name();
        if let Some(teacher) = &comparison.teacher {
            card(m, &format!("{:.1}", teacher.main()), &format!("{name}, teacher"));
        }
        let control = figures(&comparison.control);
        if let Some(mean) = mean_interval(&control) {
            let words = format!("{name}, labels alone, {}", mean_words(mean, control.len()));
            card(m, &format!("{:.1}", mean.value), &words);
        }
        if let Some((best, verdict)) = tried(comparison).max_by(|a, b| a.1.gain.total_cmp(&b.1.gain)) {
            let words = format!("points by {}, more than by any other; {}", best.loss.name(), verdict.word());
            card(m, &signed(verdict.gain, 1), &words);
        }
    });
}

/// The losses that fit, with what came of them.
fn tried(comparison: &Comparison) -> impl Iterator<Item = (&Compared, &Verdict)> {
    comparison.losses.iter().filter_map(|compared| Some((compared, compared.verdict.as_ref()?)))
}

fn figures(students: &[Student]) -> Vec<f64> {
    students.iter().map(|student| student.int8.main()).collect()
}

/// Who gains and who harms.
fn words(comparison: &Comparison) -> String {
    let names = |of: fn(&Verdict) -> bool| {
        let mut of: Vec<_> = tried(comparison).filter(|(_, verdict)| of(verdict)).collect();
        of.sort_by(|a, b| b.1.gain.abs().total_cmp(&a.1.gain.abs()));
        of.iter().map(|(compared, _)| compared.loss.name()).collect::<Vec<_>>()
    };
    let (gains, harms) = (names(|verdict| verdict.gained), names(Verdict::harmed));
    let (count, seeds) = (tried(comparison).count(), comparison.control.len());
    if count == 0 {
        return "None of the losses fits this student and teacher.".to_owned();
    }
    if seeds < 2 {
        return "One seed shows no spread, so no gain is claimed for any loss.".to_owned();
    }
    let first = match gains.len() {
        0 => format!("None of {count} losses gains beyond the noise of {seeds} seeds."),
        few => format!("{few} of {count} losses gain beyond the noise of {seeds} seeds: {}.", gains.join(", ")),
    };
    if harms.is_empty() { first } else { format!("{first} Harm is done by {}.", harms.join(", ")) }
}

fn gains(comparison: &Comparison, m: &mut Markup) {
    let mut all: Vec<_> = tried(comparison).collect();
    all.sort_by(|a, b| b.1.gain.total_cmp(&a.1.gain));
    if all.is_empty() {
        return;
    }
    let ends = all.iter().flat_map(|(_, verdict)| {
        let interval = mean_interval(&verdict.differences);
        interval
            .into_iter()
            .flat_map(|interval| [interval.low, interval.high])
            .chain(verdict.differences.iter().copied())
    });
    let span = Span::of(ends.chain([0.0]), [-100.0, 100.0]);
    let name = comparison.name();
    m.with("div", &[("class", "scroll")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                m.element("th", &[], "loss");
                m.with("th", &[("class", "wide")], |m| span.head(m));
                m.element("th", &[], "gain, points");
                m.element("th", &[], "");
                m.element("th", &[], &format!("{name} int8, %"));
                m.element("th", &[], &format!("{name} f32, %"));
            });
            for (compared, verdict) in &all {
                let (kind, chip) = match verdict {
                    verdict if verdict.gained => ("student", "chip good"),
                    verdict if verdict.harmed() => ("worse", "chip bad"),
                    _ => ("teacher", "chip"),
                };
                m.with("tr", &[], |m| {
                    m.element("td", &[("class", "nowrap")], compared.loss.name());
                    let gain = gain(verdict);
                    let nothing = Some(Interval { value: 0.0, low: 0.0, high: 0.0 });
                    let figure = mean_interval(&verdict.differences);
                    let strip = Strip { figure, singles: &verdict.differences, band: nothing, kind };
                    m.with("td", &[], |m| strip.draw(m, span, &gain));
                    m.element("td", &[("class", "nowrap")], &gain);
                    m.with("td", &[], |m| m.element("span", &[("class", chip)], verdict.word()));
                    let float: Vec<f64> = compared.students.iter().map(|student| student.float.main()).collect();
                    m.element("td", &[], &value(mean_interval(&figures(&compared.students))));
                    m.element("td", &[], &value(mean_interval(&float)));
                });
            }
        });
    });
    let note = "Disc: mean of the differences from students on labels alone, seed by seed, of the int8 files. Rings: single seeds. \
                Bar: 95 % interval of the mean by Student’s t, which is wide where there are few seeds. Dashed: no difference. Each \
                loss has the weight that is usual for it, or the recipe’s; another may serve it better.";
    m.element("p", &[("class", "note")], note);
}

fn refused(comparison: &Comparison, m: &mut Markup) {
    let refused: Vec<_> =
        comparison.losses.iter().filter_map(|compared| Some((compared, compared.refused.as_ref()?))).collect();
    if refused.is_empty() {
        return;
    }
    m.with("ul", &[], |m| {
        for (compared, reason) in refused {
            m.with("li", &[], |m| {
                m.element("b", &[], compared.loss.name());
                m.text(&format!(": {reason}."));
            });
        }
    });
}
