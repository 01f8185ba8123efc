//! The pictures that the student is most wrong about.

use super::markup::{Markup, data_uri};
use super::source::Run;
use crate::report::{Fate, Hard, Marked};

/// Pictures that are smaller are shown pixel by pixel.
const SMALL: usize = 200;

pub fn hardest(run: &Run, m: &mut Markup) {
    let Some(comparison) = run.comparison.as_ref().filter(|comparison| !comparison.hardest.is_empty()) else { return };
    let shown: Vec<(&Hard, String)> = (comparison.hardest.iter().zip(&run.pictures))
        .filter_map(|(hard, png)| Some((hard, data_uri("image/png", png.as_deref()?))))
        .collect();
    if comparison.hardest.iter().any(|hard| hard.truth.iter().any(|marked| marked.bbox.is_some())) || run.detects() {
        scenes(run.classes(), &shown, m);
    } else {
        tiles(run.classes(), &shown, m);
    }
}

fn name(classes: &[String], class: usize) -> &str {
    classes.get(class).map_or("?", String::as_str)
}

fn percent(score: Option<f64>) -> String {
    score.map(|score| format!(" {:.0} %", 100.0 * score)).unwrap_or_default()
}

/// What a classifier got wrong, the surest first.
fn tiles(classes: &[String], shown: &[(&Hard, String)], m: &mut Markup) {
    m.element("p", &[], "Test pictures that the int8 student names wrongly, those first that it is surest about.");
    m.with("div", &[("class", "tiles")], |m| {
        for (hard, uri) in shown {
            let one = |all: &[Marked]| all.first().copied();
            let truth = one(&hard.truth).map_or("?", |truth| name(classes, truth.class));
            let class = if hard.size.iter().all(|&side| side < SMALL) { "pixels" } else { "" };
            m.with("figure", &[], |m| {
                m.empty("img", &[("src", uri), ("alt", &format!("a picture of {truth}")), ("class", class)]);
                m.with("figcaption", &[], |m| {
                    m.element("b", &[], truth);
                    let mut say = |who: &str, marked: Marked| {
                        m.empty("br", &[]);
                        m.text(&format!("{who}: "));
                        let wrong = if marked.fate == Fate::Wrong { "wrong" } else { "" };
                        m.element("span", &[("class", wrong)], name(classes, marked.class));
                        m.text(&marked.score.map(|score| format!(" ({:.0} %)", 100.0 * score)).unwrap_or_default());
                    };
                    one(&hard.student).into_iter().for_each(|marked| say("student", marked));
                    hard.teacher.as_deref().and_then(one).into_iter().for_each(|marked| say("teacher", marked));
                });
            });
        }
    });
}

/// What a detector got wrong, side by side with what is there.
fn scenes(classes: &[String], shown: &[(&Hard, String)], m: &mut Markup) {
    m.with("p", &[], |m| {
        m.text("Test pictures on which the int8 student makes most mistakes, at the score from which it is used:");
        for (class, words) in
            [("true", "there"), ("right", "right"), ("wrong", "false or misnamed"), ("missed", "missed")]
        {
            m.with("span", &[("class", "nowrap")], |m| {
                m.element("span", &[("class", &format!("key {class}"))], "");
                m.text(words);
            });
            m.text(" ");
        }
    });
    for (number, (hard, uri)) in shown.iter().enumerate() {
        let id = format!("scene-{}", number + 1);
        m.with("div", &[("class", "scene")], |m| {
            m.with("div", &[("class", "views")], |m| {
                let count = |marks: &[Marked], fate: Fate| marks.iter().filter(|marked| marked.fate == fate).count();
                let words = |marks: &[Marked]| {
                    let [right, wrong, missed] =
                        [Fate::Right, Fate::Wrong, Fate::Missed].map(|fate| count(marks, fate));
                    format!("{right} right, {wrong} false, {missed} missed")
                };
                let objects = format!("{} objects", hard.truth.len());
                view(m, hard, ("Truth", &objects), &hard.truth, classes, Ok((&id, uri)));
                if let Some(teacher) = &hard.teacher {
                    view(m, hard, ("Teacher", &words(teacher)), teacher, classes, Err(&id));
                }
                view(m, hard, ("Student, int8", &words(&hard.student)), &hard.student, classes, Err(&id));
            });
        });
    }
}

/// A picture with boxes. The picture itself is on the page once: `Ok` has it under a name, and `Err` refers to that.
fn view(
    m: &mut Markup,
    hard: &Hard,
    (title, words): (&str, &str),
    marks: &[Marked],
    classes: &[String],
    picture: Result<(&String, &String), &String>,
) {
    let [width, height] = hard.size;
    let text_size = width as f64 / 24.0;
    m.with("figure", &[], |m| {
        m.with("figcaption", &[], |m| {
            m.element("b", &[], title);
            m.text(&format!(": {words}"));
        });
        let view = format!("0 0 {width} {height}");
        m.with("svg", &[("viewBox", &view), ("role", "img"), ("aria-label", &format!("{title}: {words}"))], |m| {
            let (across, down) = (width.to_string(), height.to_string());
            let class = if width.max(height) < SMALL { "pixels" } else { "" };
            match picture {
                Ok((id, uri)) => m.empty(
                    "image",
                    &[
                        ("id", id),
                        ("href", uri),
                        ("width", &across),
                        ("height", &down),
                        ("class", class),
                        ("preserveAspectRatio", "none"),
                    ],
                ),
                Err(id) => m.empty("use", &[("href", &format!("#{id}"))]),
            }
            for marked in marks {
                let Some(bbox) = marked.bbox else { continue };
                let [x, y, w, h] = bbox.map(|side| format!("{side:.1}"));
                let class = match marked.fate {
                    Fate::True => "true",
                    Fate::Right => "right",
                    Fate::Wrong => "wrong",
                    Fate::Missed => "missed",
                };
                for class in ["halo", &format!("mark {class}")] {
                    m.empty("rect", &[("class", class), ("x", &x), ("y", &y), ("width", &w), ("height", &h)]);
                }
            }
            // Letters last, so that no box lies on them, and within the picture.
            for marked in marks {
                let Some([x, y, _, h]) = marked.bbox else { continue };
                let text = format!("{}{}", name(classes, marked.class), percent(marked.score));
                let wide = 0.62 * text_size * text.chars().count() as f64;
                // What is false is named below its box: above, it would often hide the name of what is there.
                let y = if marked.fate == Fate::Wrong { y + h + 0.95 * text_size } else { y - 0.25 * text_size };
                let x = format!("{:.1}", x.min(width as f64 - wide).max(1.0));
                let y = format!("{:.1}", y.clamp(0.9 * text_size, (height as f64 - 0.25 * text_size).max(text_size)));
                let (size, stroke) = (format!("{text_size:.1}"), format!("{:.1}", 0.18 * text_size));
                m.element("text", &[("x", &x), ("y", &y), ("font-size", &size), ("stroke-width", &stroke)], &text);
            }
        });
    });
}
