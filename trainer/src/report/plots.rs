//! The charts of a run and of an evaluation.

use std::collections::BTreeMap;

use retort::chart::{Axis, Chart, Drawing, FAINT, HeatMap, PALETTE, Panel, Series, Style};

use crate::evaluate::coco::{Curve, RECALLS};
use crate::evaluate::{Bin, ClassSummary, Confusion, OperatingPoint, Reliability};

/// Classes that have a curve of their own beside the mean.
const CURVES: usize = 100;
/// Points of a curve, at most: as many as a chart has columns.
const POINTS: usize = 900;
/// Metrics of one chart: beyond that nobody tells them apart.
const METRICS: usize = 6;

/// Precision over recall at one IoU threshold: a thin line a class, and the mean of COCO's monotone precision.
pub fn precision_recall(title: &str, mean: Option<&[f64; RECALLS]>, curves: &[Curve]) -> Drawing {
    let thin = |curve: &Curve| {
        let points = curve.points.iter().map(|point| [point.recall, point.precision]).collect();
        Series::new("", Style::Thin, thinned(points))
    };
    let mut series: Vec<Series> = curves.iter().take(CURVES).map(thin).collect();
    if let Some(first) = series.first_mut() {
        first.name = "single classes".into();
    }
    if let Some(mean) = mean {
        let points = mean.iter().enumerate().map(|(i, &p)| [i as f64 / (RECALLS - 1) as f64, p]).collect();
        series.push(Series::new("mean of classes, monotone", Style::Line, points).coloured(PALETTE[0]));
    }
    Chart::new(title, Axis::share("recall"), Axis::share("precision"), series).draw()
}

/// F1, precision and recall over the score threshold, for all classes in one.
pub fn operating_points(title: &str, curve: &Curve) -> Drawing {
    let over = |value: &dyn Fn(&OperatingPoint) -> f64| {
        thinned(curve.points.iter().map(|point| [point.score, value(point)]).collect())
    };
    let series = vec![
        Series::new("precision", Style::Line, over(&|point| point.precision)).coloured(PALETTE[1]),
        Series::new("recall", Style::Line, over(&|point| point.recall)).coloured(PALETTE[2]),
        Series::new("F1", Style::Line, over(&|point| point.f1())).coloured(PALETTE[0]),
    ];
    Chart::new(title, Axis::share("score threshold"), Axis::share("share"), series).draw()
}

/// AP by class, the best first.
pub fn by_class(title: &str, names: &[String], classes: &[ClassSummary]) -> Drawing {
    let mut order: Vec<(usize, f64)> =
        classes.iter().enumerate().filter_map(|(class, figures)| Some((class, figures.ap?))).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let labels = order.iter().map(|&(class, _)| names.get(class).cloned().unwrap_or_default()).collect();
    let bars = |value: &dyn Fn(&ClassSummary) -> Option<f64>| {
        let points = order.iter().enumerate().filter_map(|(x, &(class, _))| Some([x as f64, value(&classes[class])?]));
        points.collect::<Vec<_>>()
    };
    let series = vec![
        Series::new("AP50", Style::Bars, bars(&|figures| figures.ap50)).coloured(PALETTE[5]),
        Series::new("AP", Style::Bars, bars(&|figures| figures.ap)).coloured(PALETTE[0]),
    ];
    Chart::new(title, Axis::named("", labels), Axis::share("average precision"), series).draw()
}

/// A confusion matrix; cells are the darker the greater their share of the row.
pub fn confusion(title: &str, names: &[String], confusion: &Confusion) -> Drawing {
    confusion_map(title, names, confusion).draw()
}

/// The same before it is laid out.
pub(super) fn confusion_map(title: &str, names: &[String], confusion: &Confusion) -> HeatMap {
    let side = confusion.side;
    let cells = || (0..side * side).map(|cell| (cell / side, cell % side));
    let share = |(truth, answer)| confusion.at(truth, answer) as f64 / confusion.of_truth(truth).max(1) as f64;
    let text = |(truth, answer)| match confusion.at(truth, answer) {
        0 => String::new(),
        count => count.to_string(),
    };
    HeatMap {
        title: title.into(),
        subtitle: "counts; darker: a greater share of the row".into(),
        rows: ("truth".into(), names.to_vec()),
        columns: ("answer".into(), names.to_vec()),
        shares: cells().map(share).collect(),
        texts: cells().map(text).collect(),
    }
}

/// A reliability diagram: accuracy over confidence, and below it how many answers have that confidence.
pub fn reliability(title: &str, reliability: &Reliability) -> Drawing {
    reliability_chart(title, reliability).draw()
}

/// The same before it is laid out.
pub(super) fn reliability_chart(title: &str, reliability: &Reliability) -> Chart {
    let bars = |value: &dyn Fn(&Bin) -> f64| {
        let filled = reliability.bins.iter().map(|bin| [0.5 * (bin.low + bin.high), value(bin)]);
        filled.collect::<Vec<_>>()
    };
    let accuracy = Series::new("accuracy", Style::Bars, bars(&|bin| bin.accuracy)).coloured(PALETTE[0]);
    let ideal = Series::new("as stated", Style::Dashed, vec![[0.0, 0.0], [1.0, 1.0]]).coloured(PALETTE[1]);
    let counts = Series::new("", Style::Bars, bars(&|bin| bin.count as f64)).coloured(FAINT);
    let mut chart = Chart::new(title, Axis::share("confidence"), Axis::share("accuracy"), vec![accuracy, ideal]);
    let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{:.1} %", 100.0 * value));
    chart.subtitle = format!("ECE {}, adaptive {}", figure(reliability.ece), figure(reliability.adaptive_ece));
    chart.panels[0].weight = 3.0;
    chart.panels.push(Panel::new(Axis::from_zero("answers"), vec![counts]));
    chart.size = [720, 720];
    chart
}

/// A table of a run that cannot be drawn.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CurvesError {
    /// There is no heading, or none of a column to draw over.
    #[error("the table has no column `epoch` or `step`")]
    NothingToDrawOver,
    /// There is no row with a number.
    #[error("the table has no rows with numbers")]
    Empty,
}

/// Learning curves from a table with a line of headings: over `step`, or else over `epoch`, a panel for the losses,
/// one for the learning rate, and one for the other figures, which are the metrics. Columns of text, such as
/// `network` or `file`, and `seed` part the rows into lines of their own. Cells that are no number are gaps.
///
/// # Errors
/// [`CurvesError`].
pub fn curves(title: &str, csv: &str) -> Result<Drawing, CurvesError> {
    let mut lines = csv.lines().filter(|line| !line.trim().is_empty());
    let headings: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').map(str::trim).collect()).collect();
    let column = |name: &str| headings.iter().position(|heading| heading.eq_ignore_ascii_case(name));
    // Metrics are few and have an epoch; losses are many and have a step, which metrics may have too.
    let x = column("step").or(column("epoch")).ok_or(CurvesError::NothingToDrawOver)?;
    let number = |row: &[&str], column: usize| row.get(column).and_then(|cell| cell.parse::<f64>().ok());
    let texts = |column: usize| {
        let mut filled = rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
        filled.peek().is_some() && filled.all(|cell| cell.parse::<f64>().is_err())
    };
    // What is the same everywhere tells nothing.
    let differs = |c: usize| rows.iter().filter_map(|row| row.get(c)).any(|cell| rows[0].get(c) != Some(cell));
    let keys: Vec<usize> = (0..headings.len()).filter(|&c| (texts(c) || headings[c] == "seed") && differs(c)).collect();
    let skipped =
        |c: usize| c == x || keys.contains(&c) || ["epoch", "step", "seconds", "time", "seed"].contains(&headings[c]);

    // One line for each column and what tells its rows from others'.
    let mut lines: BTreeMap<(usize, String), Vec<[f64; 2]>> = BTreeMap::new();
    for row in &rows {
        let key: Vec<&str> = keys.iter().filter_map(|&c| row.get(c).copied()).filter(|cell| !cell.is_empty()).collect();
        let Some(at) = number(row, x) else { continue };
        for c in (0..headings.len()).filter(|&c| !skipped(c)) {
            if let Some(value) = number(row, c) {
                lines.entry((c, key.join(" "))).or_default().push([at, value]);
            }
        }
    }
    let panel_of = |heading: &str| match heading.to_ascii_lowercase() {
        name if name.contains("loss") => 0,
        name if name == "lr" || name.contains("rate") => 1,
        name if name.contains("norm") => 2,
        _ => 3,
    };
    let mut panels: [Vec<Series>; 4] = Default::default();
    for ((c, key), points) in &lines {
        let panel = panel_of(headings[*c]);
        // A panel of one column is named by what tells its lines apart, which its axis does not say.
        let alone = lines.keys().all(|(other, _)| other == c || panel_of(headings[*other]) != panel);
        let name = match (alone && panel != 3, key.is_empty()) {
            (true, _) => key.clone(),
            (false, true) => headings[*c].to_owned(),
            (false, false) => format!("{} {key}", headings[*c]),
        };
        panels[panel].push(Series::new(name, Style::Line, thinned(points.clone())));
    }
    panels[3].truncate(METRICS);
    let positive = |series: &[Series]| series.iter().flat_map(|s| &s.points).all(|point| point[1] > 0.0);
    let names = ["loss", "learning rate", "gradient norm", "metrics"];
    let axis = |index: usize, series: &[Series]| match index {
        0 | 2 if positive(series) => Axis::log(names[index]),
        3 => Axis::new(names[index]),
        _ => Axis::from_zero(names[index]),
    };
    let panels: Vec<Panel> = (panels.into_iter().enumerate())
        .filter(|(_, series)| !series.is_empty())
        .map(|(index, series)| {
            let weight = if index == 1 || index == 2 { 1.0 } else { 2.0 };
            Panel { weight, ..Panel::new(axis(index, &series), series) }
        })
        .collect();
    if panels.is_empty() {
        return Err(CurvesError::Empty);
    }
    let weights: f64 = panels.iter().map(|panel| panel.weight).sum();
    let mut chart = Chart::new(title, Axis::new(headings[x]), Axis::default(), Vec::new());
    chart.size = [960, (140.0 + 130.0 * weights) as u32];
    chart.panels = panels;
    Ok(chart.draw())
}

/// Of too many points some, evenly, and the last.
pub(super) fn thinned(points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let every = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points.into_iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last).map(|(_, point)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort::chart::Mark;

    fn texts(drawing: &Drawing) -> Vec<String> {
        let text = |mark: &Mark| if let Mark::Text { text, .. } = mark { Some(text.clone()) } else { None };
        drawing.marks.iter().filter_map(text).collect()
    }

    #[test]
    fn a_table_of_a_run_becomes_panels() {
        let csv = "network,seed,step,loss,rate,ap\nstudent,1,0,4.5,0.001,\nstudent,1,10,2.5,0.002,0.25\nteacher,1,10,nan,0.1,0.5\n";
        let texts = texts(&curves("run", csv).expect("curves"));
        for expected in ["loss", "learning rate", "metrics", "step", "student", "ap teacher"] {
            assert!(texts.iter().any(|text| text == expected), "{expected} is not in {texts:?}");
        }
        assert_eq!(curves("", "a,b\n1,2\n").err(), Some(CurvesError::NothingToDrawOver));
        assert_eq!(curves("", "step,loss\n").err(), Some(CurvesError::Empty));
        assert_eq!(curves("", "").err(), Some(CurvesError::NothingToDrawOver));
    }

    #[test]
    fn long_curves_keep_their_ends() {
        let points = thinned((0..5000).map(|i| [f64::from(i), 0.0]).collect());
        assert!(points.len() <= POINTS + 1 && points[0][0] == 0.0 && points[points.len() - 1][0] == 4999.0);
    }
}
