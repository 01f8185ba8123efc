//! A report as a page of plain text.

use std::fmt::Write;

use super::{Report, Spread, Usable};
use crate::data::collection::Task;
use crate::data::error::Fault;

/// Classes that are listed; the rest is summed up.
const CLASSES: usize = 24;
/// Problems of a kind, and groups of twins, that are listed.
const EXAMPLES: usize = 4;
/// Columns of a bar.
const BAR: usize = 28;
/// Characters of a name.
const NAME: usize = 24;

impl Report {
    /// The report in lines of at most about 100 characters.
    pub fn table(&self) -> String {
        let mut page = Page(String::new());
        page.line(format_args!("{}", self.path.display()));
        let labels = match self.task {
            Task::Classify => "classes of pictures",
            Task::Detect => "boxes",
            Task::Unlabelled => "no labels",
        };
        page.line(format_args!("  {}, recognised by {}; {labels}", self.format, self.because));
        self.parts(&mut page);
        self.classes(&mut page);
        self.boxes(&mut page);
        self.pictures(&mut page);
        self.twins(&mut page);
        self.faults(&mut page);
        page.line(format_args!(""));
        match &self.usable {
            Usable::Labels if self.problems.is_empty() => page.line(format_args!("Fit to learn from.")),
            Usable::Labels => page.line(format_args!("Fit to learn from, without what is left out above.")),
            Usable::Pictures(_) if self.task == Task::Unlabelled => {
                page.line(format_args!("Fit as pictures for a teacher to label."))
            }
            Usable::Pictures(why) => page.line(format_args!("Fit as pictures only: {why}.")),
            Usable::Nothing(why) => page.line(format_args!("Not fit for use: {why}.")),
        }
        page.0
    }

    fn parts(&self, page: &mut Page) {
        let detect = self.task == Task::Detect;
        page.heading("");
        let mut titles = format!("  {:<12}{:>10}{:>10}", "", "pictures", "labelled");
        if detect {
            let _ = write!(titles, "{:>10}{:>10}{:>10}", "empty", "boxes", "ignored");
        }
        page.line(format_args!("{titles}"));
        for part in &self.parts {
            let mut line = format!("  {:<12}{:>10}{:>10}", part.part, part.pictures, part.labelled);
            if detect {
                let _ = write!(line, "{:>10}{:>10}{:>10}", part.empty, part.boxes, part.ignored);
            }
            page.line(format_args!("{line}"));
        }
    }

    fn classes(&self, page: &mut Page) {
        let total: usize = self.classes.iter().map(|class| class.total()).sum();
        if total == 0 {
            return;
        }
        let what = if self.task == Task::Detect { "boxes" } else { "pictures" };
        page.heading(&format!("{what} of each class"));
        // Columns for the parts that there are.
        let titles = ["train", "valid.", "test", "no part"];
        let used: Vec<usize> = (0..4).filter(|&part| self.classes.iter().any(|class| class.counts[part] > 0)).collect();
        let mut line = format!("  {:<NAME$}", "");
        used.iter().for_each(|&part| {
            let _ = write!(line, "{:>9}", titles[part]);
        });
        page.line(format_args!("{line}    share"));
        let mut sorted: Vec<_> = self.classes.iter().collect();
        sorted.sort_by_key(|class| std::cmp::Reverse(class.total()));
        let most = sorted[0].total();
        let listed = if sorted.len() > CLASSES + 1 { CLASSES } else { sorted.len() };
        for class in &sorted[..listed] {
            let mut line = format!("  {:<NAME$}", shortened(&class.class, NAME - 1));
            used.iter().for_each(|&part| {
                let _ = write!(line, "{:>9}", class.counts[part]);
            });
            let share = 100.0 * class.total() as f64 / total as f64;
            page.line(format_args!("{line}{share:>7.1} %  {}", bar(class.total(), most)));
        }
        if listed < sorted.len() {
            let rest: usize = sorted[listed..].iter().map(|class| class.total()).sum();
            page.line(format_args!("  … {} more with {rest} (--json has all)", sorted.len() - listed));
        }
        match self.imbalance {
            Some(ratio) => page.line(format_args!("  most : least = {ratio:.1}")),
            None => page.line(format_args!("  some have nothing at all")),
        }
    }

    fn boxes(&self, page: &mut Page) {
        let Some(boxes) = &self.boxes else { return };
        page.heading("boxes by side (√area) in pixels");
        let most = boxes.sides.counts.iter().copied().max().unwrap_or(1);
        let last = boxes.sides.counts.iter().rposition(|&count| count > 0).unwrap_or(0);
        for (class, &count) in boxes.sides.counts.iter().enumerate().take(last + 1) {
            page.line(format_args!("  {:>9}{count:>9}  {}", boxes.sides.range(class), bar(count, most)));
        }
        page.line(format_args!(""));
        page.spread_titles();
        page.spread("side", &boxes.side, 1);
        page.spread("width / height", &boxes.aspect, 2);
        page.spread("% of the picture", &scaled(&boxes.share, 100.0), 2);
        page.spread("boxes a picture", &boxes.per_picture, 0);
    }

    fn pictures(&self, page: &mut Page) {
        let Some(pictures) = &self.pictures else { return };
        let frequent: Vec<_> = pictures.frequent.iter().map(|([w, h], count)| format!("{w}×{h} ({count})")).collect();
        page.heading("pictures");
        page.line(format_args!(
            "  {}{}",
            frequent.join("  "),
            match pictures.different {
                different if different > frequent.len() => format!("  … {} sizes", different),
                _ => String::new(),
            }
        ));
        if pictures.grey > 0 {
            page.line(format_args!("  {} of one channel", pictures.grey));
        }
        if pictures.different > 1 {
            page.spread_titles();
            page.spread("width", &pictures.width, 0);
            page.spread("height", &pictures.height, 0);
            page.spread("width / height", &pictures.aspect, 2);
        }
    }

    fn twins(&self, page: &mut Page) {
        if self.twins.is_empty() {
            return;
        }
        page.heading("the same picture more than once");
        for (exact, words) in [(true, "same pixels"), (false, "nearly the same")] {
            let groups: Vec<_> = self.twins.iter().filter(|twins| twins.exact == exact).collect();
            if groups.is_empty() {
                continue;
            }
            let pictures: usize = groups.iter().map(|twins| twins.names.len()).sum();
            let across = groups.iter().filter(|twins| twins.across_parts).count();
            let differ = groups.iter().filter(|twins| twins.labels_differ).count();
            let mut line = format!("  {words:<18}{pictures} pictures in {} groups", groups.len());
            if across > 0 {
                let _ = write!(line, ", {across} of them across parts");
            }
            if differ > 0 {
                let _ = write!(line, ", {differ} of different classes");
            }
            page.line(format_args!("{line}"));
            let mut shown: Vec<_> = groups;
            shown.sort_by_key(|twins| !twins.across_parts);
            for twins in shown.iter().take(EXAMPLES) {
                let names = twins.names[..twins.names.len().min(3)].join(" = ");
                let more = if twins.names.len() > 3 { " = …" } else { "" };
                let mark = if twins.across_parts { "  (across parts)" } else { "" };
                page.line(format_args!("    {names}{more}{mark}"));
            }
        }
    }

    fn faults(&self, page: &mut Page) {
        if self.faults.is_empty() {
            return;
        }
        page.heading("problems");
        for count in &self.faults {
            page.line(format_args!("  {:<30}{:>7}  {}", count.fault.to_string(), count.count, count.remedy));
            let examples: Vec<_> = self.problems.iter().filter(|problem| problem.fault == count.fault).collect();
            // Names of empty classes are told by the table of classes.
            let listed = if count.fault == Fault::EmptyClass { 0 } else { EXAMPLES };
            for problem in examples.iter().take(listed) {
                page.line(format_args!("      {problem}"));
            }
            if listed > 0 && examples.len() > listed {
                page.line(format_args!("      … {} more (--json has all)", examples.len() - listed));
            }
        }
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, words: std::fmt::Arguments<'_>) {
        let words = words.to_string();
        let _ = writeln!(self.0, "{}", words.trim_end());
    }

    fn heading(&mut self, words: &str) {
        self.0.push('\n');
        if !words.is_empty() {
            self.line(format_args!("{words}"));
        }
    }

    fn spread_titles(&mut self) {
        self.line(format_args!("  {:<18}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "least", "10 %", "median", "90 %", "most"));
    }

    fn spread(&mut self, name: &str, spread: &Spread, digits: usize) {
        let Spread { least, p10, median, p90, most } = spread;
        self.line(format_args!(
            "  {name:<18}{least:>9.digits$}{p10:>9.digits$}{median:>9.digits$}{p90:>9.digits$}{most:>9.digits$}"
        ));
    }
}

fn scaled(spread: &Spread, by: f32) -> Spread {
    let Spread { least, p10, median, p90, most } = *spread;
    Spread { least: least * by, p10: p10 * by, median: median * by, p90: p90 * by, most: most * by }
}

/// A bar in eighths of a column. What is more than nothing shows.
fn bar(count: usize, most: usize) -> String {
    let eighths = (count * BAR * 8).div_ceil(most.max(1));
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + part
}

/// The first characters of a name.
fn shortened(name: &str, most: usize) -> String {
    match name.chars().count() > most {
        true => name.chars().take(most - 1).chain(['…']).collect(),
        false => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_by_eighths() {
        assert_eq!((bar(0, 9), bar(9, 9).chars().count(), bar(1, 100_000)), (String::new(), BAR, "▏".into()));
        assert_eq!(shortened("größere", 4), "grö…");
    }
}
