//! The teacher's audit on the page.

use super::charts::reliability_figure;
use super::markup::Markup;
use super::source::Run;
use super::strip::{Span, Strip};
use crate::audit::{Audit, mistake, number};
use crate::evaluate::statistics::Interval;
use crate::report::percent;

/// Classes that have a line of their own: the worst.
const CLASSES: usize = 30;

/// A line of a table of figures.
struct Line<'a> {
    name: String,
    range: String,
    count: String,
    figure: Option<Interval>,
    worse: bool,
    group: Option<(&'a str, &'a str)>,
}

pub fn section(run: &Run, m: &mut Markup) {
    let Some(audit) = &run.audit else { return };
    m.element("p", &[], "Of the teacher on the labelled test pictures, before its word is taken: a student can hardly learn from it what it does not know.");
    m.with("ul", &[], |m| audit.words().iter().for_each(|words| m.element("li", &[], words)));
    let whole = scaled(audit.whole);
    let figures = audit.slices.iter().map(|slice| slice.figure).chain(audit.classes.iter().map(|class| class.figure));
    let ends = figures.chain([audit.whole]).flatten().flat_map(|i| [100.0 * i.low, 100.0 * i.high]);
    let span = Span::of(ends, [0.0, 100.0]);
    if !audit.slices.is_empty() {
        m.element("h3", &[], "By slices of the pictures");
        table(m, audit, span, whole, "range", slices(audit));
    }
    if !audit.classes.is_empty() {
        m.element("h3", &[], "By class");
        let mut classes: Vec<_> = audit.classes.iter().collect();
        let value = |figure: Option<Interval>| figure.map_or(f64::INFINITY, |figure| figure.value);
        classes.sort_by(|a, b| value(a.figure).total_cmp(&value(b.figure)));
        let lines = classes.iter().take(CLASSES).map(|class| Line {
            name: class.class.clone(),
            range: String::new(),
            count: class.cases.to_string(),
            figure: class.figure,
            worse: class.worse,
            group: None,
        });
        table(m, audit, span, whole, "", lines.collect());
        if classes.len() > CLASSES {
            m.element("p", &[("class", "note")], &format!("The {CLASSES} worst of {} classes.", classes.len()));
        }
    }
    m.element(
        "p",
        &[("class", "note")],
        "Shaded: the whole with its 95 % interval. “Worse” is said only where an interval lies wholly below that of the whole, \
         which so many comparisons seldom bring about by chance, and on 20 pictures or objects at least.",
    );
    m.with("div", &[("class", "charts")], |m| {
        let words = if audit.objects.is_some() {
            "Scores of detections against the share of them that is right at IoU .50."
        } else {
            "Of answers given with some confidence, how many are right."
        };
        reliability_figure(&audit.reliability, words, m);
        m.with("figure", &[], |m| confusions(audit, m));
    });
}

fn scaled(interval: Option<Interval>) -> Option<Interval> {
    interval.map(|i| Interval { value: 100.0 * i.value, low: 100.0 * i.low, high: 100.0 * i.high })
}

fn slices(audit: &Audit) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (index, slice) in audit.slices.iter().enumerate() {
        let first = index == 0 || audit.slices[index - 1].by != slice.by;
        let count = match slice.objects {
            Some(objects) => format!("{} / {objects}", slice.pictures),
            None => slice.pictures.to_string(),
        };
        let [low, high] = slice.range.map(number);
        lines.push(Line {
            name: slice.name.clone(),
            range: format!("{low} to {high}"),
            count,
            figure: slice.figure,
            worse: slice.worse,
            group: first.then_some((&slice.by, &slice.unit)),
        });
    }
    lines
}

fn table(m: &mut Markup, audit: &Audit, span: Span, whole: Option<Interval>, range: &str, lines: Vec<Line<'_>>) {
    let counts = match (audit.objects.is_some(), range.is_empty()) {
        (true, true) => "objects",
        (true, false) => "pictures / objects",
        _ => "pictures",
    };
    m.with("div", &[("class", "scroll")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                m.element("th", &[], "");
                m.with("th", &[("class", "wide")], |m| span.head(m));
                m.element("th", &[], &format!("{}, %", audit.measure.name()));
                m.element("th", &[], "95 % interval");
                m.element("th", &[], counts);
                if !range.is_empty() {
                    m.element("th", &[], range);
                }
                m.element("th", &[], "");
            });
            for line in &lines {
                if let Some((by, unit)) = line.group {
                    let columns = if range.is_empty() { "6" } else { "7" };
                    let group = if unit.is_empty() { by.to_owned() } else { format!("{by} ({unit})") };
                    m.with("tr", &[("class", "group")], |m| m.element("td", &[("colspan", columns)], &group));
                }
                m.with("tr", &[], |m| {
                    m.element("td", &[], &line.name);
                    let figure = scaled(line.figure);
                    let value = percent(line.figure.map(|figure| figure.value));
                    m.with("td", &[], |m| {
                        let kind = if line.worse { "worse" } else { "teacher" };
                        Strip { figure, band: whole, kind, singles: &[] }.draw(m, span, &value);
                    });
                    m.element("td", &[], &value);
                    let ends = figure.map_or("–".into(), |i| format!("{:.1} to {:.1}", i.low, i.high));
                    m.element("td", &[("class", "nowrap")], &ends);
                    m.element("td", &[("class", "nowrap")], &line.count);
                    if !range.is_empty() {
                        m.element("td", &[("class", "nowrap")], &line.range);
                    }
                    m.with("td", &[], |m| {
                        if line.worse {
                            m.element("span", &[("class", "chip bad")], "worse");
                        }
                    });
                });
            }
        });
    });
}

fn confusions(audit: &Audit, m: &mut Markup) {
    if audit.confusions.is_empty() {
        return;
    }
    m.with("table", &[], |m| {
        m.with("tr", &[], |m| ["commonest mistakes", "times", "of"].iter().for_each(|cell| m.element("th", &[], cell)));
        for confused in &audit.confusions {
            m.with("tr", &[], |m| {
                m.element("td", &[], &mistake(confused.truth.as_deref(), confused.answer.as_deref()));
                m.element("td", &[], &confused.count.to_string());
                m.element("td", &[], &confused.of.map_or("–".into(), |of| of.to_string()));
            });
        }
    });
    if let Some(score) = audit.score {
        m.element("figcaption", &[], &format!("Detections from score {score:.2} on, at IoU .50."));
    }
}
