//! Progress bars on standard error; where that is no terminal, a line at the end of each piece of work.

use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of one run.
#[derive(Debug, Default)]
pub struct Bars(MultiProgress);

/// One piece of work of known size.
#[derive(Debug)]
pub struct Bar<'a> {
    bars: &'a Bars,
    bar: ProgressBar,
    title: String,
    started: Instant,
}

impl Bars {
    /// A bar for `length` units of work.
    pub fn start(&self, title: impl Into<String>, length: usize) -> Bar<'_> {
        let title = title.into();
        let bar = self.0.add(ProgressBar::new(length as u64));
        if let Ok(style) = ProgressStyle::with_template("{prefix:28} {bar:32} {pos:>6}/{len:6} {eta:>4} {msg}") {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(title.clone());
        Bar { bars: self, bar, title, started: Instant::now() }
    }

    /// Prints a line above the bars.
    pub fn say(&self, line: &str) {
        if self.0.is_hidden() || self.0.println(line).is_err() {
            eprintln!("{line}");
        }
    }
}

impl Bar<'_> {
    /// Some work is done.
    pub fn advance(&self, by: usize) {
        self.bar.inc(by as u64);
    }

    /// Says something at the end of the bar.
    pub fn note(&self, text: String) {
        self.bar.set_message(text);
    }

    /// All is done; `result` is what came of it.
    pub fn finish(self, result: &str) {
        self.bar.finish_and_clear();
        self.bars.0.remove(&self.bar);
        self.bars.say(&format!("{:28} {:6.1} s  {result}", self.title, self.started.elapsed().as_secs_f64()));
    }
}
