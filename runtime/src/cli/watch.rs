//! The loop of every command that looks at frames: one after another, until the source ends, somebody stops it, or enough
//! was seen.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Context;
use retort_alloc_count::requests;

use super::capture::{Capture, OnceLost};
use super::look::{Loaded, Looker, Seen};
use super::stats::{Cost, Stats};
use crate::Error;
use crate::sink::Report;
use crate::source::{self, Absence, Options, Stop};

/// What to look at.
pub struct Watch<'a> {
    /// The source, as the command line names it.
    pub source: &'a str,
    /// How to read from it.
    pub capture: &'a Capture,
    /// Whether statistics are printed as JSON.
    pub json: bool,
    /// Of so many frames, look at one; at least 1.
    pub every: u64,
}

impl Watch<'_> {
    /// Looks at the frames of the source, and hands `take` what there is, until that has enough. A picture that cannot be
    /// read is reported on standard error and does not keep the others from being looked at, but in the end the command
    /// has failed. A camera that is lost is reported, too, and waited for.
    pub fn each(
        &self,
        looker: &mut impl Looker,
        loaded: Loaded,
        mut take: impl FnMut(&Report<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        let name = self.source;
        let stop = Stop::on_signals().context("no handler for Ctrl-C")?;
        let input = loaded.contract.image.port(loaded.model.inputs())?;
        let covers = loaded.contract.image.size(&loaded.model.inputs()[input]).ok();
        let options = Options { limits: loaded.limits.clone(), ..self.capture.options(covers, stop.clone()) };
        let mut source = match source::open(name, &options) {
            Ok(source) => source,
            Err(_) if stop.is_raised() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // Only the looker keeps a model, which may be replaced.
        drop(loaded);
        let only = source.count() == Some(1);
        let mut stats = Stats::new();
        let mut absence = Absence::default();
        let (mut number, mut unreadable, mut sets_up) = (0, 0, true);
        while !stop.is_raised() && self.capture.frames.is_none_or(|frames| number < frames) {
            let (asked, before) = (Instant::now(), requests());
            let shot = match source.next_shot() {
                Ok(Some(shot)) => shot,
                Ok(None) => break,
                Err(error @ Error::Lost { .. }) if self.capture.once_lost == OnceLost::Reconnect => {
                    absence.begin(&error);
                    sets_up = true;
                    continue;
                }
                Err(error) if only || matches!(error, Error::Lost { .. }) => return Err(error.into()),
                Err(error) => {
                    eprintln!("error: {error}");
                    unreadable += 1;
                    continue;
                }
            };
            let (wait, decoding) = (asked.elapsed(), shot.decoding);
            absence.end(shot.name);
            number += 1;
            if !(number - 1).is_multiple_of(self.every) {
                continue;
            }
            let seen = looker.look(&shot.frame).with_context(|| shot.name.to_string())?;
            let (latency, looked) = (seen.latency, Instant::now());
            let Seen { findings, classes, novelty, contradicts, .. } = seen;
            let age = shot.frame.age();
            let flow =
                take(&Report { number, shot, findings, classes, novelty, contradicts, latency, age, scene: None })?;
            let (output, allocations) = (looked.elapsed(), requests() - before);
            sets_up |= looker.renew();
            stats.add(&Cost { wait, decoding, latency, output, allocations, sets_up });
            sets_up = false;
            if flow.is_break() {
                break;
            }
        }
        if self.capture.stats {
            let summary = stats.summary(source.format(), source.losses());
            match self.json {
                true => eprintln!("{}", serde_json::json!({ "summary": summary })),
                false => eprintln!("{summary}"),
            }
        }
        anyhow::ensure!(unreadable == 0, "{name}: {unreadable} of the pictures could not be read");
        Ok(())
    }
}
