//! Teacher, student and control side by side: how good, and at what cost.

use retort::predict::BOARDS;

use super::markup::Markup;
use super::source::Run;
use super::strip::{Span, Strip, dots, legend};
use super::summary::{digits, grouped, value};
use crate::distil::{Arm, Figures, Results};
use crate::evaluate::statistics::{Interval, mean_interval};

/// One line of the table.
struct Row<'a> {
    name: String,
    kind: &'static str,
    /// One a seed.
    figures: Vec<&'a Figures>,
    /// In percent, with what it is an interval over.
    interval: Option<(Interval, String)>,
}

fn of_seeds<'a>(name: &str, kind: &'static str, figures: Vec<&'a Figures>) -> Row<'a> {
    let values: Vec<f64> = figures.iter().map(|figures| figures.main()).collect();
    let over = match values.len() {
        1 => "one seed".to_owned(),
        count => format!("{count} seeds"),
    };
    let interval = mean_interval(&values).map(|interval| (interval, over));
    Row { name: name.to_owned(), kind, figures, interval }
}

fn rows<'a>(run: &'a Run, results: &'a Results) -> Vec<Row<'a>> {
    let of = |arm: Arm, float: bool| -> Vec<&Figures> {
        let students = results.students.iter().filter(|student| student.arm == arm);
        students.map(|student| if float { &student.float } else { &student.int8 }).collect()
    };
    let mut rows = Vec::new();
    let whole = run.audit.as_ref().and_then(|audit| audit.whole);
    if results.teacher.is_some() || whole.is_some() {
        // The audit's interval; the teacher is one network, so that only pictures are left to vary.
        let interval = whole.map(|whole| {
            let [value, low, high] = [whole.value, whole.low, whole.high].map(|share| 100.0 * share);
            Interval { value, low, high }
        });
        let interval = interval.or_else(|| mean_interval(&[results.teacher.as_ref()?.main()]));
        let over = if whole.is_some() { "pictures" } else { "–" };
        let interval = interval.map(|interval| (interval, over.to_owned()));
        rows.push(Row {
            name: "teacher, f32".to_owned(),
            kind: "teacher",
            figures: results.teacher.iter().collect(),
            interval,
        });
    }
    for assisting in &results.assistants.chain {
        let name = format!("assistant of {} times the width, f32", assisting.scale);
        rows.push(of_seeds(&name, "assistant", vec![&assisting.figures]));
    }
    let kept = run.kept();
    rows.push(of_seeds("student, f32", "student", of(kept, true)));
    rows.push(of_seeds("student, int8", "student", of(kept, false)));
    if !of(Arm::Direct, true).is_empty() {
        rows.push(of_seeds("without assistant, f32", "direct", of(Arm::Direct, true)));
        rows.push(of_seeds("without assistant, int8", "direct", of(Arm::Direct, false)));
    }
    if run.controlled() {
        rows.push(of_seeds("control, f32", "control", of(Arm::Control, true)));
        rows.push(of_seeds("control, int8", "control", of(Arm::Control, false)));
    }
    rows
}

/// The figures beside the main one that a table has room for: name and mean over seeds.
fn others(figures: &[&Figures]) -> Vec<(&'static str, Option<f64>)> {
    let mean = |value: &dyn Fn(&Figures) -> Option<f64>| {
        let values: Vec<f64> = figures.iter().filter_map(|figures| value(figures)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let percent = |share: Option<f64>| share.map(|share| 100.0 * share);
    let detector = |value: fn(&crate::evaluate::Summary) -> Option<f64>| {
        mean(&|figures| match figures {
            Figures::Detector(summary) => percent(value(summary)),
            Figures::Classifier(_) => None,
        })
    };
    let classifier = |value: fn(&crate::evaluate::Classification) -> Option<f64>| {
        mean(&|figures| match figures {
            Figures::Classifier(c) => percent(value(c)),
            Figures::Detector(_) => None,
        })
    };
    match figures.first() {
        Some(Figures::Classifier(_)) => vec![
            ("mean F1", classifier(|c| c.macro_f1)),
            ("top 5", classifier(|c| c.top5.map(|share| share.value))),
            ("ECE", classifier(|c| c.reliability.ece)),
        ],
        _ => vec![
            ("AP50", detector(|s| s.ap50)),
            ("AP75", detector(|s| s.ap75)),
            ("small", detector(|s| s.small)),
            ("medium", detector(|s| s.medium)),
            ("large", detector(|s| s.large)),
        ],
    }
}

pub fn figures(run: &Run, m: &mut Markup) {
    let Some(results) = &run.results else { return };
    let rows = rows(run, results);
    let name = results.students.first().map_or("AP", |student| student.int8.name());
    let singles = |row: &Row<'_>| row.figures.iter().map(|figures| figures.main()).collect::<Vec<f64>>();
    let ends = rows.iter().flat_map(|row| row.interval.iter().flat_map(|(i, _)| [i.low, i.value, i.high]));
    let span = Span::of(ends.chain(rows.iter().flat_map(singles)), [0.0, 100.0]);
    let first = rows.iter().find(|row| !row.figures.is_empty());
    let headings: Vec<&str> =
        first.map(|row| others(&row.figures).iter().map(|(name, _)| *name).collect()).unwrap_or_default();
    // What no network has a figure for is not worth a column.
    let filled =
        |column: usize| rows.iter().any(|row| others(&row.figures).get(column).is_some_and(|cell| cell.1.is_some()));
    let columns: Vec<usize> = (0..headings.len()).filter(|&column| filled(column)).collect();
    m.with("div", &[("class", "scroll")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                m.element("th", &[], "");
                m.with("th", &[("class", "wide")], |m| span.head(m));
                m.element("th", &[], &format!("{name}, %"));
                m.element("th", &[], "95 % interval");
                m.element("th", &[], "over");
                columns.iter().for_each(|&column| m.element("th", &[], headings[column]));
            });
            for row in &rows {
                let main = if row.name == "student, int8" { "main" } else { "" };
                m.with("tr", &[("class", main)], |m| {
                    m.element("td", &[("class", "nowrap")], &row.name);
                    let interval = row.interval.as_ref().map(|(interval, _)| *interval);
                    let singles = singles(row);
                    let singles = if row.kind == "teacher" { &[] } else { &singles[..] };
                    let value = value(interval);
                    m.with("td", &[], |m| {
                        Strip { figure: interval, singles, kind: row.kind, ..Strip::default() }.draw(m, span, &value);
                    });
                    m.element("td", &[], &value);
                    let ends = interval.filter(|interval| interval.high > interval.low);
                    let ends = ends.map(|i| format!("{:.1} to {:.1}", i.low.max(0.0), i.high.min(100.0)));
                    m.element("td", &[("class", "nowrap")], &ends.unwrap_or("–".into()));
                    m.element("td", &[("class", "nowrap")], row.interval.as_ref().map_or("–", |(_, over)| over));
                    let others = others(&row.figures);
                    for &column in &columns {
                        let value = others.get(column).and_then(|cell| cell.1);
                        m.element("td", &[], &value.map_or("–".into(), |value| format!("{value:.1}")));
                    }
                });
            }
        });
    });
    let teacher = if run.distilled() {
        " The teacher is one network, so that its interval is over test pictures; the control is the same student, seeds and \
         schedule without the teacher."
    } else {
        ""
    };
    let note = format!(
        "Disc: mean. Rings: single seeds. Bar: 95 % interval of the mean over seeds by Student’s t, which is wide where \
         there are few.{teacher} All in percent."
    );
    m.element("p", &[("class", "note")], &note);
}

/// Classes that have a line of their own: the student's worst.
const CLASSES: usize = 30;

/// The figure of each class, 0 to 100: AP of detectors, the share of its pictures that are named rightly of classifiers.
fn by_class(figures: &Figures) -> Vec<Option<f64>> {
    let shares: Vec<Option<f64>> = match figures {
        Figures::Detector(summary) => summary.classes.clone(),
        Figures::Classifier(c) => c.classes.iter().map(|class| class.recall).collect(),
    };
    shares.into_iter().map(|share| share.map(|share| 100.0 * share)).collect()
}

/// Class by class, the student's worst first.
pub fn classes(run: &Run, m: &mut Markup) {
    let Some(results) = &run.results else { return };
    let mean = |arm: Arm, class: usize| {
        let students = results.students.iter().filter(|student| student.arm == arm);
        let values: Vec<f64> = students.filter_map(|s| by_class(&s.int8).get(class).copied().flatten()).collect();
        mean_interval(&values).map(|mean| mean.value)
    };
    let of_class = |class: usize| {
        let teacher = results.teacher.as_ref().and_then(|teacher| by_class(teacher).get(class).copied().flatten());
        let control = mean(Arm::Control, class).filter(|_| run.controlled());
        Some((class, mean(run.kept(), class)?, teacher, control))
    };
    let mut lines: Vec<_> = (0..results.classes.len()).filter_map(of_class).collect();
    if lines.len() < 2 {
        return;
    }
    lines.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let (all, first) = (lines.len(), results.students.first());
    lines.truncate(CLASSES);
    let values = lines.iter().flat_map(|line| [Some(line.1), line.2, line.3]).flatten();
    let span = Span::of(values, [0.0, 100.0]);
    let (taught, controlled) = (results.teacher.is_some(), run.controlled());
    let figure = first.map_or("AP", |student| student.int8.name());
    m.element("h3", &[], &format!("By class: {figure}, %"));
    m.with("div", &[("class", "scroll")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                m.element("th", &[], "class");
                m.with("th", &[("class", "wide")], |m| span.head(m));
                m.element("th", &[], "student, int8");
                [(taught, "teacher"), (controlled, "control, int8")].iter().filter(|(there, _)| *there).for_each(
                    |(_, name)| {
                        m.element("th", &[], name);
                    },
                );
            });
            for (class, student, teacher, control) in &lines {
                m.with("tr", &[], |m| {
                    m.element("td", &[], &results.classes[*class]);
                    let cell = |value: &Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
                    let kinds = [(*teacher, "teacher"), (*control, "control"), (Some(*student), "student")];
                    let values: Vec<(f64, &str)> =
                        kinds.into_iter().filter_map(|(value, kind)| Some((value?, kind))).collect();
                    m.with("td", &[], |m| dots(m, span, &values, &format!("student {student:.1}")));
                    m.element("td", &[], &format!("{student:.1}"));
                    [(taught, teacher), (controlled, control)].iter().filter(|(there, _)| *there).for_each(
                        |(_, value)| {
                            m.element("td", &[], &cell(value));
                        },
                    );
                });
            }
        });
    });
    let kinds = [
        ("student", "student, int8, mean of seeds"),
        ("teacher", "teacher"),
        ("control", "control, int8, mean of seeds"),
    ];
    let there = [true, taught, controlled];
    legend(m, &kinds.into_iter().zip(there).filter(|(_, there)| *there).map(|(kind, _)| kind).collect::<Vec<_>>());
    if all > CLASSES {
        m.element("p", &[("class", "note")], &format!("The {CLASSES} of {all} classes that the student is worst at."));
    }
}

pub fn costs(run: &Run, m: &mut Markup) {
    let Some(comparison) = run.comparison.as_ref().filter(|comparison| !comparison.networks.is_empty()) else { return };
    m.with("div", &[("class", "scroll")], |m| {
        m.with("table", &[], |m| {
            m.with("tr", &[], |m| {
                ["", "file, kB", "parameters", "million MACs", "memory, kB"]
                    .iter()
                    .for_each(|cell| m.element("th", &[], cell));
                BOARDS.iter().for_each(|board| {
                    m.element("th", &[], &format!("{}, ms*", board.name.replace("Raspberry Pi", "Pi")))
                });
                m.element("th", &[], "this machine, ms†");
            });
            for network in &comparison.networks {
                let main = if network.format == "int8" { "main" } else { "" };
                m.with("tr", &[("class", main)], |m| {
                    m.element("td", &[("class", "nowrap")], &format!("{}, {}", network.network, network.format));
                    m.element("td", &[], &format!("{:.1}", network.bytes as f64 / 1000.0));
                    m.element("td", &[], &network.parameters.map_or("–".into(), |count| grouped(count as u64)));
                    m.element("td", &[], &digits(network.cost.macs as f64 / 1e6));
                    m.element("td", &[], &grouped(network.cost.arena_bytes.div_ceil(1000) as u64));
                    for board in &BOARDS {
                        let ms = network.cost.predicted_ms.get(board.key);
                        m.element("td", &[], &ms.map_or("–".into(), |ms| digits(*ms)));
                    }
                    m.element("td", &[], &network.latency.map_or("–".into(), |latency| digits(latency.median_ms)));
                });
            }
        });
    });
    let processor =
        run.origin.environment.as_ref().and_then(|e| e.get("processor")?.as_str()).unwrap_or("the machine of the run");
    let latency = comparison.networks.iter().find_map(|network| network.latency);
    let measured = latency.map(|latency| {
        let threads = if latency.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", latency.threads) };
        format!(" † Measured on {processor}, {threads}, median of up to {} inferences.", latency.runs)
    });
    let note = format!(
        "* Predicted for one inference on all cores, without reading and drawing pictures; arithmetic, not a measurement.{}{}",
        measured.unwrap_or_default(),
        if run.controlled() { " The control is the same network as the student and costs the same." } else { "" }
    );
    m.element("p", &[("class", "note")], &note);
}
