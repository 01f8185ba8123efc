//! The teacher's mistakes among the students' on the page.

use super::markup::Markup;
use super::source::Run;
use super::strip::{Span, Strip, dots, legend};
use super::summary::signed;
use crate::audit::{Rates, Tendency, mistake};
use crate::evaluate::statistics::Interval;

pub fn section(run: &Run, m: &mut Markup) {
    let Some(inheritance) = &run.inheritance else { return };
    m.with("ul", &[], |m| inheritance.words().iter().for_each(|words| m.element("li", &[], words)));
    if inheritance.mistakes == 0 {
        return;
    }
    let span = Span { low: 0.0, high: 100.0 };
    m.with("div", &[("class", "scroll")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                m.element("th", &[], "P(same mistake | teacher wrong)");
                m.with("th", &[("class", "wide")], |m| span.head(m));
                ["%", "95 % interval", "by seed"].iter().for_each(|cell| m.element("th", &[], cell));
            });
            let arms = [("distilled", "student", &inheritance.distilled), ("control", "control", &inheritance.control)];
            for (name, kind, rates) in arms {
                rate(m, name, kind, rates, span);
            }
        });
    });
    m.element("h3", &[], "By kind of mistake");
    m.with("div", &[("class", "scroll named")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                m.element("th", &[], "the teacher’s mistake");
                m.with("th", &[("class", "wide")], |m| span.head(m));
                let cells = ["times", "distilled, %", "control, %", "difference, points", ""];
                cells.iter().for_each(|cell| m.element("th", &[], cell));
            });
            for pair in &inheritance.pairs {
                m.with("tr", &[], |m| {
                    m.element("td", &[], &mistake(pair.truth.as_deref(), pair.answer.as_deref()));
                    m.with("td", &[], |m| {
                        let values = [(100.0 * pair.distilled, "student"), (100.0 * pair.control, "control")];
                        let words = format!("distilled {:.0} %, control {:.0} %", values[0].0, values[1].0);
                        dots(m, span, &values, &words);
                    });
                    m.element("td", &[], &pair.mistakes.to_string());
                    m.element("td", &[], &format!("{:.0}", 100.0 * pair.distilled));
                    m.element("td", &[], &format!("{:.0}", 100.0 * pair.control));
                    let points = |i: Interval| {
                        let [value, low, high] = [i.value, i.low, i.high].map(|share| 100.0 * share);
                        format!("{} ({} to {})", signed(value, 0), signed(low, 0), signed(high, 0))
                    };
                    m.element("td", &[("class", "nowrap")], &pair.difference.map_or("–".into(), points));
                    let (class, words) = match pair.tendency {
                        Tendency::Inherited => ("chip bad", "inherited"),
                        Tendency::NotInherited => ("chip good", "not inherited"),
                        Tendency::Undecided => ("chip", "undecided"),
                    };
                    m.with("td", &[], |m| m.element("span", &[("class", class)], words));
                });
            }
        });
    });
    legend(m, &[("student", "distilled students"), ("control", "control")]);
    let same = if run.detects() {
        "the same object missed or taken for the same class, or a box of the same class around nothing that overlaps the \
         teacher’s by half (IoU .50)"
    } else {
        "the same wrong answer to the same picture"
    };
    let note = format!(
        "The same mistake is {same}. Students are the int8 files. Intervals are of the mean over seeds and hold both what other pictures \
         (bootstrap) and what other seeds (Student’s t) would change; “inherited” is said only where the interval of the difference lies above zero, every seed agrees, \
         and there are five pictures at least; “not inherited”, where it is made no more often than by the control."
    );
    m.element("p", &[("class", "note")], &note);
}

fn rate(m: &mut Markup, name: &str, kind: &str, rates: &Rates, span: Span) {
    m.with("tr", &[], |m| {
        m.element("td", &[], name);
        let scale = |share: f64| 100.0 * share;
        let figure = rates.mean.map(|i| Interval { value: scale(i.value), low: scale(i.low), high: scale(i.high) });
        let singles: Vec<f64> = rates.by_seed.iter().map(|&share| scale(share)).collect();
        let value = figure.map_or("–".to_owned(), |figure| format!("{:.1}", figure.value));
        m.with("td", &[], |m| Strip { figure, singles: &singles, kind, band: None }.draw(m, span, &value));
        m.element("td", &[], &value);
        let ends = figure.map_or("–".into(), |i| format!("{:.1} to {:.1}", i.low, i.high));
        m.element("td", &[("class", "nowrap")], &ends);
        let seeds: Vec<String> = singles.iter().map(|single| format!("{single:.1}")).collect();
        m.element("td", &[], &seeds.join(", "));
    });
}
