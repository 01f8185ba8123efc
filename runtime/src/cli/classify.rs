//! `retort classify`: say what pictures show.

use clap::Args;
use retort::contract::Task;
use retort::sink::Findings;
use retort::vision::classifier::Classifier;

use super::look::{Look, Sinks};

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
        let mut classifier = Classifier::new(&loaded.model, &loaded.contract)?;
        let mut sinks = Sinks::new(self.look.json, None)?;
        self.look.each(&loaded.contract.classes, &mut sinks, |shot, report| {
            classifier.classify(&shot.frame)?;
            let ranked = classifier.ranked();
            let shown = ranked.len().min(self.top as usize);
            report(Findings::Classes(&ranked[..shown]), classifier.latency())
        })
    }
}
