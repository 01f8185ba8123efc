//! One page about a run: what may be said of it first, and then everything that it rests on.
//!
//! The page is one file that needs nothing else, neither scripts nor the network. It is made of what lies in the run folder
//! alone, and comes out the same each time. It is XHTML-compatible, so that any XML reader can check it.

mod audit;
mod charts;
mod inheritance;
mod markup;
mod networks;
mod pictures;
mod source;
mod strip;
mod summary;

use markup::Markup;
use source::Run;

use super::folder::RunFolder;
pub use source::{AUDIT, INHERITANCE, PageError};

/// The page's file.
pub const PAGE: &str = "report.html";

const STYLE: &str = include_str!("style.css");

/// Writes the page of a run folder; the names of files that would belong on it and are not there.
///
/// # Errors
/// [`PageError`], where there is no run or one of its files is broken.
pub fn write_page(folder: &RunFolder) -> Result<Vec<String>, PageError> {
    let run = Run::read(folder)?;
    folder.write(PAGE, page(&run))?;
    Ok(run.missing)
}

/// A part of the page: its anchor, its heading, and what fills it.
type Section = (&'static str, &'static str, fn(&Run, &mut Markup));

/// In the order of the page; those that have nothing to say are left out.
const SECTIONS: [Section; 9] = [
    ("figures", "How good it is", networks::figures),
    ("costs", "What it costs", networks::costs),
    ("training", "How it was learned", charts::training),
    ("answers", "Where it is right and wrong", charts::answers),
    ("hardest", "What it gets most wrong", pictures::hardest),
    ("audit", "What the teacher is bad at", audit::section),
    ("inheritance", "What the student inherited", inheritance::section),
    ("coverage", "Coverage", coverage),
    ("record", "Recipe and environment", record),
];

fn page(run: &Run) -> String {
    let made: Vec<(&str, &str, String)> = (SECTIONS.into_iter())
        .map(|(anchor, heading, fill)| {
            let mut m = Markup::default();
            fill(run, &mut m);
            (anchor, heading, m.finish())
        })
        .filter(|(_, _, body)| !body.is_empty())
        .collect();
    let mut m = Markup::default();
    m.raw("<!DOCTYPE html>\n");
    m.with("html", &[("lang", "en")], |m| {
        m.with("head", &[], |m| {
            m.empty("meta", &[("charset", "utf-8")]);
            m.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            m.element("title", &[], &format!("{} – run report", run.name));
            m.with("style", &[], |m| m.raw(STYLE));
        });
        m.with("body", &[], |m| {
            m.with("main", &[], |m| {
                summary::head(run, m);
                m.with("nav", &[], |m| {
                    for (anchor, heading, _) in &made {
                        m.element("a", &[("href", &format!("#{anchor}"))], heading);
                        m.text(" ");
                    }
                });
                for (anchor, heading, body) in &made {
                    m.with("section", &[("id", anchor)], |m| {
                        m.element("h2", &[], heading);
                        m.raw(body);
                    });
                }
            });
        });
    });
    m.finish()
}

/// How well the training pictures cover what the student will see, where that was looked at.
fn coverage(run: &Run, m: &mut Markup) {
    if run.covered {
        m.element("p", &[], "What was found is in coverage.json, in this folder.");
    }
}

/// What would be needed to do it again.
fn record(run: &Run, m: &mut Markup) {
    if let Some(recipe) = &run.recipe {
        m.with("details", &[], |m| {
            m.element("summary", &[], "Recipe, every key resolved");
            m.element("pre", &[], recipe.trim_end());
        });
    }
    if let Some(environment) = &run.environment {
        m.with("details", &[], |m| {
            m.element("summary", &[], "Environment");
            m.element("pre", &[], &format!("{environment:#}"));
        });
    }
}

#[cfg(test)]
mod tests;
