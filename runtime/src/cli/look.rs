//! What `detect` and `classify` share: a model, its contract, a source, and where results go.

use std::io::{self, Stdout, Write};
use std::path::{Path, PathBuf};

use crate::contract::{Contract, Named, Task};
use crate::model::{InputKind, Model};
use crate::sink::{Annotated, Findings, JsonLines, Report, Sink, Table};
use crate::source;
use crate::vision::frame::Frame;
use crate::vision::latency::Latency;
use anyhow::Context;
use clap::Args;

use super::model::ModelArguments;
use super::samples;
use super::threads::Threads;

/// Arguments of every command that looks at pictures.
#[derive(Clone, Debug, Args)]
pub struct Look {
    #[command(flatten)]
    pub model: ModelArguments,
    /// A picture, or a folder of pictures. Without one, the samples that come with the program.
    pub source: Option<String>,
    /// Print one JSON object a picture.
    #[arg(long)]
    pub json: bool,
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

    /// Looks at each picture of the source, and reports what there is. A picture that cannot be read is reported on
    /// standard error and does not keep the others from being looked at, but in the end the command has failed.
    pub fn each(&self, looker: &mut impl Looker, classes: &[String], sinks: &mut Sinks) -> anyhow::Result<()> {
        let name = self.source.clone().map_or_else(|| samples::folder().map(|path| path.display().to_string()), Ok)?;
        let mut source = source::open(&name)?;
        let only = source.count() == Some(1);
        let (mut number, mut unreadable) = (0, 0);
        loop {
            let shot = match source.next_shot() {
                Ok(Some(shot)) => shot,
                Ok(None) => break,
                Err(error) if only => return Err(error.into()),
                Err(error) => {
                    eprintln!("error: {error}");
                    unreadable += 1;
                    continue;
                }
            };
            number += 1;
            let (findings, latency) = looker.look(&shot.frame).with_context(|| shot.name.to_string())?;
            sinks.take(&Report { number, shot, findings, classes, latency })?;
        }
        anyhow::ensure!(unreadable == 0, "{name}: {unreadable} of the pictures could not be read");
        Ok(())
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
        let print = if json { Print::Json(JsonLines(io::stdout())) } else { Print::Table(Table(io::stdout())) };
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
