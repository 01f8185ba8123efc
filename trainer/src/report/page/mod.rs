//! Pages about runs: what may be said of one first, and then everything that it rests on.
//!
//! A page is one file that needs nothing else, neither scripts nor the network. It is made of what lies in the run folder
//! alone, and comes out the same each time. It is XHTML-compatible, so that any XML reader can check it. There is one about a run
//! of one recipe, one about a family of students and one about a comparison of losses.

mod audit;
mod charts;
mod family;
mod inheritance;
mod losses;
mod markup;
mod networks;
mod pictures;
mod source;
mod strip;
mod summary;

use markup::Markup;
use serde::Serialize;
use source::{Origin, Run, json};

use super::folder::{FolderError, RunFolder};
use crate::distil::{Comparison, Family};
pub use source::{AUDIT, FAMILY, INHERITANCE, LOSSES, PageError, RESULTS};

/// The page's file.
pub const PAGE: &str = "report.html";

const STYLE: &str = include_str!("style.css");

/// Writes the page of a folder, whatever was done in it; the names of files that would belong on it and are not there.
///
/// # Errors
/// [`PageError`], where nothing was done or one of the files is broken.
pub fn write_page(folder: &RunFolder) -> Result<Vec<String>, PageError> {
    if let Some(of) = json::<Family>(folder, FAMILY)? {
        folder.write(PAGE, document(&Origin::read(folder)?, &of, family::top, &family::SECTIONS))?;
        return Ok(Vec::new());
    }
    if let Some(of) = json::<Comparison>(folder, LOSSES)? {
        folder.write(PAGE, document(&Origin::read(folder)?, &of, losses::top, &losses::SECTIONS))?;
        return Ok(Vec::new());
    }
    let run = Run::read(folder)?;
    folder.write(PAGE, document(&run.origin, &run, summary::head, &SECTIONS))?;
    Ok(run.missing)
}

/// Writes what was measured under its name, which is [`RESULTS`], [`FAMILY`] or [`LOSSES`]. What the folder held under the other
/// names goes: a page is about one of them.
pub fn write_results(folder: &RunFolder, name: &str, results: &impl Serialize) -> Result<(), FolderError> {
    for other in [RESULTS, FAMILY, LOSSES].into_iter().filter(|&other| other != name) {
        folder.remove(other)?;
    }
    folder.write(name, serde_json::to_string_pretty(results).unwrap_or_default())
}

/// A part of the page: its anchor, its heading, and what fills it.
type Section<T> = (&'static str, &'static str, fn(&T, &mut Markup));

/// In the order of the page; those that have nothing to say are left out.
const SECTIONS: [Section<Run>; 8] = [
    ("figures", "How good it is", networks::figures),
    ("costs", "What it costs", networks::costs),
    ("training", "How it was learned", charts::training),
    ("answers", "Where it is right and wrong", charts::answers),
    ("hardest", "What it gets most wrong", pictures::hardest),
    ("audit", "What the teacher is bad at", audit::section),
    ("inheritance", "What the student inherited", inheritance::section),
    ("coverage", "Coverage", coverage),
];

/// A page about something: what stands on top, its sections, and last what would be needed to do it again.
fn document<T>(origin: &Origin, of: &T, top: fn(&T, &mut Markup), sections: &[Section<T>]) -> String {
    let name = &origin.name;
    let filled = |fill: &dyn Fn(&mut Markup)| {
        let mut m = Markup::default();
        fill(&mut m);
        m.finish()
    };
    let sections = sections.iter().map(|(anchor, heading, fill)| (*anchor, *heading, filled(&|m| fill(of, m))));
    let record = ("record", "Recipe and environment", filled(&|m| record(origin, m)));
    let made: Vec<(&str, &str, String)> = sections.chain([record]).filter(|(_, _, body)| !body.is_empty()).collect();
    let mut m = Markup::default();
    m.raw("<!DOCTYPE html>\n");
    m.with("html", &[("lang", "en")], |m| {
        m.with("head", &[], |m| {
            m.empty("meta", &[("charset", "utf-8")]);
            m.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            m.element("title", &[], &format!("{name} – run report"));
            m.with("style", &[], |m| m.raw(STYLE));
        });
        m.with("body", &[], |m| {
            m.with("main", &[], |m| {
                m.element("h1", &[], name);
                top(of, m);
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
fn record(origin: &Origin, m: &mut Markup) {
    if let Some(recipe) = &origin.recipe {
        m.with("details", &[], |m| {
            m.element("summary", &[], "Recipe, every key resolved");
            m.element("pre", &[], recipe.trim_end());
        });
    }
    if let Some(environment) = &origin.environment {
        m.with("details", &[], |m| {
            m.element("summary", &[], "Environment");
            m.element("pre", &[], &format!("{environment:#}"));
        });
    }
}

#[cfg(test)]
mod tests;
