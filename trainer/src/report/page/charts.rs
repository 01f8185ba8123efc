//! Charts as vectors within the page: curves of the training, precision over recall, confusion and reliability.

use std::collections::BTreeMap;

use retort::chart::{Axis, Chart, Drawing, HeatMap, PALETTE, Panel, Series, Style};

use super::markup::Markup;
use super::source::Run;
use crate::distil::Figures;
use crate::evaluate::{Classification, Reliability};
use crate::report::PrecisionCurve;
use crate::report::plots::{confusion_map, reliability_chart, thinned};

/// Charts are laid out this wide, so that their letters can be read on a phone.
pub const WIDTH: u32 = 500;
/// Classes beyond which a confusion matrix is only a cloud.
const CLASSES: usize = 40;
/// Classes whose table is no higher than a chart and stands beside it.
const BESIDE: usize = 15;

/// A drawing within the page, without the white that it is on.
fn inline(drawing: &Drawing, words: &str, m: &mut Markup) {
    let svg = drawing.svg();
    // The first line opens the picture, and the second is its ground.
    let marks =
        svg.splitn(3, '\n').nth(2).and_then(|marks| marks.trim_end().strip_suffix("</svg>")).unwrap_or_default();
    let [width, height] = drawing.size;
    let view = format!("0 0 {width} {height}");
    let attributes =
        [("class", "chart"), ("viewBox", &*view), ("role", "img"), ("aria-label", words), ("font-size", "13.5")];
    m.with("svg", &attributes, |m| m.raw(marks));
}

/// A drawing with what it shows below it.
pub fn figure(m: &mut Markup, drawing: &Drawing, title: &str, words: &str) {
    m.with("figure", &[], |m| {
        inline(drawing, title, m);
        m.with("figcaption", &[], |m| {
            m.element("b", &[], title);
            m.text(&format!(" {words}"));
        });
    });
}

/// The colour that a network has in every chart.
fn colour(network: &str) -> [u8; 3] {
    match network {
        name if name.starts_with("teacher") => [110, 116, 126],
        name if name.starts_with("control") => PALETTE[1],
        name if name.starts_with("direct") => PALETTE[2],
        name if name.starts_with("assistant") => PALETTE[3],
        name if name.ends_with("f32") => PALETTE[5],
        _ => PALETTE[0],
    }
}

/// The rows of a table of steps, by network and seed.
type Lines = BTreeMap<(String, String), Vec<[f64; 2]>>;

/// A column over the steps; cells that are no number are gaps.
fn column(csv: &str, name: &str) -> Lines {
    let mut rows = csv.lines();
    let headings: Vec<&str> = rows.next().unwrap_or_default().split(',').collect();
    let place = |name: &str| headings.iter().position(|heading| *heading == name);
    let mut lines = Lines::new();
    let (Some(network), Some(seed), Some(step), Some(value)) =
        (place("network"), place("seed"), place("step"), place(name))
    else {
        return lines;
    };
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        let number =
            |index: usize| cells.get(index).and_then(|cell| cell.parse::<f64>().ok()).filter(|v| v.is_finite());
        if let (Some(x), Some(y), Some(network), Some(seed)) =
            (number(step), number(value), cells.get(network), cells.get(seed))
        {
            lines.entry(((*network).to_owned(), (*seed).to_owned())).or_default().push([x, y]);
        }
    }
    lines
}

/// A line a seed; only the first of a network is named.
fn series(lines: Lines) -> Vec<Series> {
    let mut named: Vec<String> = Vec::new();
    let one = |((network, _), points): ((String, String), Vec<[f64; 2]>)| {
        let name = if named.contains(&network) { String::new() } else { network.clone() };
        named.push(network.clone());
        Series::new(name, Style::Line, thinned(points)).coloured(colour(&network))
    };
    lines.into_iter().map(one).collect()
}

pub fn training(run: &Run, m: &mut Markup) {
    let Some(csv) = &run.training else { return };
    let loss = column(csv, "loss");
    if loss.is_empty() {
        return;
    }
    let positive = loss.values().flatten().all(|point| point[1] > 0.0);
    let axis = if positive { Axis::log("loss") } else { Axis::new("loss") };
    let chart = |axis: Axis, series: Vec<Series>| {
        let mut chart = Chart::new("", Axis::new("step"), Axis::default(), Vec::new());
        chart.panels = vec![Panel::new(axis, series)];
        chart.size = [WIDTH, 300];
        chart.draw()
    };
    m.with("div", &[("class", "charts")], |m| {
        let words = "A line a seed. Losses of different networks are sums of different terms (a distilled student’s has the \
                     teacher’s word in it), so that only their shapes compare.";
        figure(m, &chart(axis, series(loss)), "Loss.", words);
        let validation = column(csv, "validation");
        if !validation.is_empty() {
            let words = "Of the pictures to choose by, which are not those that the figures above are from.";
            figure(m, &chart(Axis::new("validation"), series(validation)), "Validation.", words);
        }
    });
}

fn precision(curves: &[PrecisionCurve]) -> Drawing {
    let of = |curve: &PrecisionCurve| {
        let last = curve.precision.len().saturating_sub(1).max(1) as f64;
        let points = curve.precision.iter().enumerate().map(|(index, &p)| [index as f64 / last, p]).collect();
        let style = if curve.network.ends_with("f32") { Style::Dashed } else { Style::Line };
        Series::new(&curve.network, style, points).coloured(colour(&curve.network))
    };
    let mut chart = Chart::new("", Axis::share("recall"), Axis::share("precision"), curves.iter().map(of).collect());
    chart.size = [WIDTH, 380];
    chart.draw()
}

fn reliability(reliability: &Reliability) -> Drawing {
    let mut chart = reliability_chart("", reliability);
    chart.size = [WIDTH, 460];
    chart.draw()
}

fn answers_of(figures: &Figures) -> Option<&Classification> {
    match figures {
        Figures::Classifier(c) => Some(c),
        Figures::Detector(_) => None,
    }
}

pub fn answers(run: &Run, m: &mut Markup) {
    let curves = run.comparison.as_ref().map_or(&[][..], |comparison| &comparison.curves);
    let kept =
        run.results.as_ref().and_then(|results| results.students.iter().find(|student| student.arm == run.kept()));
    let student = kept.and_then(|kept| answers_of(&kept.int8));
    let teacher = run.results.as_ref().and_then(|results| answers_of(results.teacher.as_ref()?));
    if curves.is_empty() && student.is_none() {
        return;
    }
    let beside = run.classes().len() <= BESIDE;
    m.with("div", &[("class", "charts")], |m| {
        if !curves.is_empty() {
            let words = "At IoU .50, made monotone and averaged over classes, as COCO does. Of students, the first seed.";
            figure(m, &precision(curves), "Precision over recall.", words);
        }
        for (name, c) in [("Student, int8", student), ("Teacher", teacher)] {
            let Some(c) = c.filter(|c| c.confusion.side > 0) else { continue };
            if c.confusion.side <= CLASSES {
                let names: Vec<String> = run.classes().iter().map(|name| printable(name)).collect();
                // On a dark page what is dark is light, so that its own words about that would be wrong.
                let map = HeatMap { subtitle: String::new(), ..confusion_map("", &names, &c.confusion) };
                let mut drawing = map.draw();
                drawing.size[0] = drawing.size[0].max(WIDTH);
                figure(m, &drawing, &format!("{name}: confusion."), "Rows: what it is; columns: what was answered; the stronger a cell, the greater its share of the row.");
            }
        }
        // The teacher's is in its audit, where there is one.
        for (name, c) in [("Student, int8", student), ("Teacher", teacher.filter(|_| run.audit.is_none()))] {
            let Some(c) = c.filter(|c| c.pictures > 0) else { continue };
            let words = "Of answers given with some confidence, how many are right; on the dashed line confidence means what \
                         it says.";
            figure(m, &reliability(&c.reliability), &format!("{name}: reliability."), words);
        }
        if beside {
            m.with("div", &[], |m| super::networks::classes(run, m));
        }
    });
    if !beside {
        super::networks::classes(run, m);
    }
}

/// A chart takes no notice of what XML does not allow.
fn printable(name: &str) -> String {
    name.chars().map(|letter| if matches!(letter, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { letter }).collect()
}

/// The teacher's reliability, for its audit.
pub fn reliability_figure(of: &Reliability, words: &str, m: &mut Markup) {
    figure(m, &reliability(of), "Reliability.", words);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_named_once_and_gaps_are_gaps() {
        let csv = "network,seed,step,loss,rate,validation\nteacher,7,0,3.5,0.1,\ncontrol,1,0,2.0,0.1,\ncontrol,1,10,nan,0.1,\ncontrol,2,0,1.5,0.1,0.25\n";
        let of_loss = series(column(csv, "loss"));
        let names: Vec<_> = of_loss.iter().map(|series| (&*series.name, series.points.len())).collect();
        assert_eq!(names, [("control", 1), ("", 1), ("teacher", 1)]);
        assert_eq!(column(csv, "validation").len(), 1);
        assert!(column(csv, "absent").is_empty() && column("", "loss").is_empty());
    }
}
