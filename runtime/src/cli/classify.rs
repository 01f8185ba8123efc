//! `retort classify`: say what pictures show.

use crate::contract::Task;
use crate::sink::Findings;
use crate::vision::classifier::Classifier;
use crate::vision::frame::Frame;
use crate::vision::latency::Latency;
use clap::Args;

use super::look::{Look, Looker, Sinks};

/// Say what pictures show.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  retort classify model.onnx photo.jpg
  retort classify model.onnx photos/ --json --top 1")]
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
        let loaded = self.look.load(Task::Classify)?;
        let classifier = Classifier::new(&loaded.model, &loaded.contract)?;
        let mut sinks = Sinks::new(self.look.json, None)?;
        self.look.each(&mut Top { classifier, most: self.top as usize }, &loaded, &mut sinks)
    }
}

/// A classifier that keeps the less likely to itself.
struct Top {
    classifier: Classifier,
    most: usize,
}

impl Looker for Top {
    fn look(&mut self, frame: &Frame<'_>) -> Result<(Findings<'_>, Latency), crate::Error> {
        self.classifier.classify(frame)?;
        let ranked = self.classifier.ranked();
        Ok((Findings::Classes(&ranked[..ranked.len().min(self.most)]), self.classifier.latency()))
    }
}
