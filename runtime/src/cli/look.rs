//! What `detect` and `classify` share: a model, its contract, a source, and where results go.

use std::io::{self, Stdout, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Error;
use crate::contract::{Contract, Named, Task};
use crate::model::{InputKind, Model};
use crate::sink::{Annotated, Findings, JsonLines, Report, Sink, Table};
use crate::source::{self, Stop};
use crate::vision::frame::Frame;
use crate::vision::latency::Latency;
use anyhow::Context;
use clap::Args;
use retort_alloc_count::requests;

use super::capture::{Capture, OnceLost};
use super::model::ModelArguments;
use super::samples;
use super::stats::{Cost, Stats};
use super::threads::Threads;

/// Arguments of every command that looks at pictures.
#[derive(Clone, Debug, Args)]
pub struct Look {
    #[command(flatten)]
    pub model: ModelArguments,
    /// A picture, a folder, a video, camera:0 or camera:NAME, rpicam:0, an rtsp or http address, `-` (Y4M on standard
    /// input), synthetic:640x480. Without one, the samples that come with the program.
    pub source: Option<String>,
    /// Print one JSON object a frame.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub capture: Capture,
    #[command(flatten)]
    pub threads: Threads,
    /// The model's contract: a TOML file to use instead of what the model carries.
    #[arg(long, value_name = "FILE.toml")]
    pub contract: Option<PathBuf>,
}

/// A model with its contract.
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// What its input wants and its outputs mean.
    pub contract: Contract,
}

impl Look {
    /// Loads the model and finds its contract, which must be for `task`.
    pub fn load(&self, task: Task) -> anyhow::Result<Loaded> {
        let path = &self.model.model;
        let model = self.model.load_on(&self.threads, InputKind::Quantised)?;
        let contract = Contract::find(path, self.contract.as_deref(), model.contract())?;
        anyhow::ensure!(
            contract.task == task,
            "{}: the contract's task is `{}`; run `retort {}`",
            path.display(),
            contract.task.name(),
            contract.task.name(),
        );
        contract.check(model.inputs(), model.outputs()).map_err(|error| error.in_file(path))?;
        Ok(Loaded { model, contract })
    }

    /// Looks at each frame of the source, and reports what there is. A picture that cannot be read is reported on
    /// standard error and does not keep the others from being looked at, but in the end the command has failed. A camera
    /// that is lost is reported, too, and waited for.
    pub fn each(&self, looker: &mut impl Looker, loaded: &Loaded, sinks: &mut Sinks) -> anyhow::Result<()> {
        let name = self.source.clone().map_or_else(|| samples::folder().map(|path| path.display().to_string()), Ok)?;
        let stop = Stop::on_signals().context("no handler for Ctrl-C")?;
        let input = loaded.contract.image.port(loaded.model.inputs())?;
        let covers = loaded.contract.image.size(&loaded.model.inputs()[input]).ok();
        let mut source = match source::open(&name, &self.capture.options(covers, stop.clone())) {
            Ok(source) => source,
            Err(_) if stop.is_raised() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let only = source.count() == Some(1);
        let mut stats = Stats::new();
        let mut troubles = Troubles::default();
        let (mut number, mut unreadable, mut sets_up) = (0, 0, true);
        while !stop.is_raised() && self.capture.frames.is_none_or(|frames| number < frames) {
            let (asked, before) = (Instant::now(), requests());
            let shot = match source.next_shot() {
                Ok(Some(shot)) => shot,
                Ok(None) => break,
                Err(error @ Error::Lost { .. }) if self.capture.once_lost == OnceLost::Reconnect => {
                    troubles.report(&error);
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
            troubles.end(shot.name);
            number += 1;
            let (findings, latency) = looker.look(&shot.frame).with_context(|| shot.name.to_string())?;
            let seen = Instant::now();
            sinks.take(&Report { number, shot, findings, classes: &loaded.contract.classes, latency })?;
            let (output, allocations) = (seen.elapsed(), requests() - before);
            stats.add(&Cost { wait, decoding, latency, output, allocations, sets_up });
            sets_up = false;
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

/// Tells on standard error that a source was lost, and that it is back.
#[derive(Default)]
struct Troubles {
    since: Option<Instant>,
    said: String,
}

impl Troubles {
    /// Says what is wrong, unless that was what was said last.
    fn report(&mut self, error: &Error) {
        self.since.get_or_insert_with(Instant::now);
        let line = error.to_string();
        if line != self.said {
            eprintln!("warning: {line}");
            self.said = line;
        }
    }

    /// A frame came.
    fn end(&mut self, name: &str) {
        if let Some(since) = self.since.take() {
            eprintln!("note: {name}: going on after {:.1} s", since.elapsed().as_secs_f64());
            self.said.clear();
        }
    }
}

/// Looks at frames.
pub trait Looker {
    /// What a frame shows, and how long it took to see it.
    fn look(&mut self, frame: &Frame<'_>) -> Result<(Findings<'_>, Latency), crate::Error>;
}

/// Where results go.
pub struct Sinks {
    print: Print,
    save: Option<Annotated>,
}

enum Print {
    Json(JsonLines<Stdout>),
    Table(Table<Stdout>),
}

impl Sinks {
    /// To standard output as JSON or as tables, and to a folder of annotated pictures.
    pub fn new(json: bool, save: Option<&Path>) -> anyhow::Result<Sinks> {
        let print =
            if json { Print::Json(JsonLines::new(io::stdout())) } else { Print::Table(Table::new(io::stdout())) };
        Ok(Sinks { print, save: save.map(Annotated::new).transpose()? })
    }

    fn take(&mut self, report: &Report<'_>) -> anyhow::Result<()> {
        match &mut self.print {
            Print::Json(sink) => sink.take(report)?,
            Print::Table(sink) => sink.take(report)?,
        }
        if let Some(save) = &mut self.save {
            save.take(report)?;
            if matches!(self.print, Print::Table(_)) {
                writeln!(io::stdout(), "  saved {}", save.last().display())?;
            }
        }
        Ok(())
    }
}
