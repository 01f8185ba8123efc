//! The page of a family: what each budget buys, and who is worth its time.

use retort::predict::BOARDS;

use super::Section;
use super::charts::{WIDTH, figure};
use super::markup::Markup;
use super::strip::{Span, Strip};
use super::summary::{box_of, card, digits, gain, grouped, mean_words, value};
use crate::distil::{Arm, Family, Member, Verdict};
use crate::evaluate::statistics::mean_interval;

pub const SECTIONS: [Section<Family>; 2] =
    [("front", "Accuracy over time", front), ("members", "What each budget buys", members)];

/// The board's name in full.
fn board(family: &Family) -> &str {
    BOARDS.iter().find(|board| board.key == family.board).map_or(&family.board, |board| board.name)
}

pub fn top(family: &Family, m: &mut Markup) {
    let count = family.members.len();
    let judge = if family.unjudged { ", by the teacher’s own boxes, for want of labels" } else { "" };
    let about = format!(
        "{count} students of one form, the widest within each budget, taught by one teacher; measured by the Retort runtime on \
         the int8 files{judge}."
    );
    m.element("p", &[("class", "soft")], &about);
    let kept = family.members.iter().filter(|member| member.on_front).count();
    let board = board(family);
    let words = if count == 1 {
        "One student fits the budgets, so that there is nobody to choose from.".to_owned()
    } else if kept == count {
        format!("Each of the {count} students is worth its time on a {board}: those that take longer are better.")
    } else {
        let worth = if kept == 1 { "is worth its" } else { "are worth their" };
        format!("{kept} of {count} students {worth} time on a {board}; a faster one beats each of the rest.")
    };
    box_of(false, &words, m);
    m.with("div", &[("class", "cards")], |m| {
        let name = family.name();
        if let Some(teacher) = &family.teacher {
            card(m, &format!("{:.1}", teacher.main()), &format!("{name}, teacher"));
        }
        let front = || family.members.iter().filter(|member| member.on_front);
        let show = |member: Option<&Member>, which: &str, m: &mut Markup| {
            let Some(member) = member else { return };
            let figures = member.figures(Arm::Distilled);
            if let Some(mean) = mean_interval(&figures) {
                let ms = digits(family.ms(member));
                let words = format!("{name} of the {which}, {}; {ms} ms, predicted", mean_words(mean, figures.len()));
                card(m, &format!("{:.1}", mean.value), &words);
            }
        };
        show(front().next(), "best", m);
        if kept > 1 {
            show(front().next_back(), "fastest", m);
        }
    });
}

fn front(family: &Family, m: &mut Markup) {
    let mut chart = family.chart("");
    chart.size = [WIDTH, 380];
    m.with("div", &[("class", "charts")], |m| {
        let words = format!(
            "Means over seeds. Milliseconds are predicted for one inference on all cores of a {}, without reading and drawing \
             pictures; arithmetic, not a measurement.",
            board(family)
        );
        figure(m, &chart.draw(), "Accuracy over time.", &words);
    });
}

fn members(family: &Family, m: &mut Markup) {
    let both = family.members.iter().flat_map(|member| [Arm::Distilled, Arm::Control].map(|arm| member.figures(arm)));
    let ends = both.flat_map(|figures| {
        let interval = mean_interval(&figures);
        figures.into_iter().chain(interval.into_iter().flat_map(|interval| [interval.low, interval.high]))
    });
    let span = Span::of(ends, [0.0, 100.0]);
    let name = family.name();
    m.with("div", &[("class", "scroll")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                m.element("th", &[], "budget");
                m.with("th", &[("class", "wide")], |m| span.head(m));
                let headings = [
                    &format!("{name}, %"),
                    "control, %",
                    "gain, points",
                    &format!("{} ms", family.board),
                    "million MACs",
                    "weights, kB",
                    "parameters",
                    "width",
                    "",
                ];
                headings.iter().for_each(|heading| m.element("th", &[], heading));
            });
            family.members.iter().for_each(|member| row(family, member, span, m));
        });
    });
    let note = "Disc: mean of the int8 files. Rings: single seeds. Bar: 95 % interval of the mean over seeds by Student’s t. Band: \
                the same of the control, which is the same student, seeds and schedule without the teacher. Width: channels as a \
                multiple of the recipe’s student.";
    m.element("p", &[("class", "note")], note);
}

fn row(family: &Family, member: &Member, span: Span, m: &mut Markup) {
    let (taught, control) = (member.figures(Arm::Distilled), member.figures(Arm::Control));
    let (mean, mean_of_control) = (mean_interval(&taught), mean_interval(&control));
    let class = if member.on_front { "main" } else { "" };
    m.with("tr", &[("class", class)], |m| {
        m.element("td", &[("class", "nowrap")], &member.budget.to_string());
        let strip = Strip { figure: mean, singles: &taught, band: mean_of_control, kind: "student" };
        m.with("td", &[], |m| strip.draw(m, span, &value(mean)));
        m.element("td", &[], &value(mean));
        m.element("td", &[], &value(mean_of_control));
        let verdict = (!control.is_empty()).then(|| Verdict::new(family.name(), &taught, &control));
        m.element("td", &[("class", "nowrap")], &verdict.as_ref().map_or("–".into(), gain));
        let ms = family.ms(member);
        m.element("td", &[], &if ms.is_finite() { digits(ms) } else { "–".into() });
        m.element("td", &[], &digits(member.cost.macs as f64 / 1e6));
        m.element("td", &[], &format!("{:.1}", member.cost.weights_bytes as f64 / 1000.0));
        m.element("td", &[], &grouped(member.parameters as u64));
        m.element("td", &[], &member.scale.to_string());
        let (chip, word) = if member.on_front { ("chip good", "on the front") } else { ("chip", "beaten") };
        m.with("td", &[], |m| m.element("span", &[("class", chip)], word));
    });
}
