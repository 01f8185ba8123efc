//! `retort classify`: say what pictures show.

use crate::contract::Task;
use crate::sink::Findings;
use crate::vision::classifier::Classifier;
use crate::vision::frame::Frame;
use clap::Args;

use super::look::{Look, Looker, Seen, Sinks};
use super::renew::{Heir, Renewed};

/// Say what pictures show.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  retort classify model.onnx photo.jpg
  retort classify model.onnx photos/ --json --top 1
  retort classify model.onnx camera:0 --coverage")]
pub struct Classify {
    #[command(flatten)]
    look: Look,
    /// Report this many classes, the likeliest first.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
}

impl Classify {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let (look, top) = (self.look, self.top as usize);
        let (mut looker, loaded) = Renewed::open(look.clone(), move |look| {
            let loaded = look.load(Task::Classify)?;
            let classifier = Classifier::new(&loaded.model, &loaded.contract)?;
            Ok((Top { classifier, most: top, coverage: look.coverage }, loaded))
        })?;
        let mut sinks = Sinks::new(look.json, None)?;
        look.each(&mut looker, loaded, &mut sinks)
    }
}

/// A classifier that keeps the less likely to itself.
pub struct Top {
    /// The classifier.
    pub classifier: Classifier,
    /// How many classes it tells.
    pub most: usize,
    /// Whether novelty is measured.
    pub coverage: bool,
}

impl Looker for Top {
    fn look(&mut self, frame: &Frame<'_>) -> Result<Seen<'_>, crate::Error> {
        self.classifier.classify(frame)?;
        let novelty = if self.coverage { self.classifier.novelty() } else { None };
        let ranked = self.classifier.ranked();
        let findings = Findings::Classes(&ranked[..ranked.len().min(self.most)]);
        let classes = self.classifier.classes();
        Ok(Seen { findings, classes, novelty, contradicts: false, latency: self.classifier.latency() })
    }
}

impl Heir for Top {
    fn inherit(&mut self, _: Top) {}
}
