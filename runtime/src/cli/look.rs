//! What `detect` and `classify` share: a model, its contract, a source, and where results go.

use std::io::{self, Stdout, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::contract::{Contract, Named, Task};
use crate::limits::Limits;
use crate::model::{InputKind, Model};
use crate::sink::{Annotated, Findings, JsonLines, Report, Sink, Table, Video};
use crate::vision::frame::Frame;
use crate::vision::latency::Latency;
use clap::Args;

use super::capture::Capture;
use super::model::ModelArguments;
use super::samples;
use super::show::Show;
use super::threads::Threads;
use super::watch::Watch;

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
    /// Say of each frame how unlike it is to what the model was taught: its novelty, above 1 for what is like nothing of
    /// it. The model has to be distilled with coverage.prototypes.
    #[arg(long)]
    pub coverage: bool,
    #[command(flatten)]
    pub capture: Capture,
    #[command(flatten)]
    pub threads: Threads,
    /// While frames are looked at, look at the model's file, too, and at its contract and signatures, once a second: where one is
    /// replaced, load and try the new model beside the old one, and go on with it from the next frame on. SIGHUP does the same
    /// at once. What is wrong with it is said, and the old one goes on. Tracks go on where the classes are the same.
    #[arg(long)]
    pub reload: bool,
    /// The model's contract: a TOML file to use instead of what the model carries.
    #[arg(long, value_name = "FILE.toml")]
    pub contract: Option<PathBuf>,
}

/// A model with its contract.
#[derive(Clone)]
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// What its input wants and its outputs mean.
    pub contract: Contract,
    /// How large pictures may be.
    pub limits: Limits,
}

impl Loaded {
    /// Loads the model and finds its contract, which must fit it.
    pub fn open(model: &ModelArguments, threads: &Threads, contract: Option<&Path>) -> anyhow::Result<Loaded> {
        let (path, limits) = (&model.model, model.limits.limits());
        let model = model.load_on(threads, InputKind::Quantised)?;
        let contract = model.find_contract(contract)?;
        if let Some(family) = contract.recognised_as() {
            eprintln!("note: {}: recognised as {family}; --contract says otherwise", path.display());
        }
        model.check(&contract)?;
        Ok(Loaded { model, contract, limits })
    }
}

impl Look {
    /// Loads the model and finds its contract, which must be for `task`, and have prototypes where they are asked for.
    pub fn load(&self, task: Task) -> anyhow::Result<Loaded> {
        let path = &self.model.model;
        let loaded = Loaded::open(&self.model, &self.threads, self.contract.as_deref())?;
        let found = loaded.contract.task;
        anyhow::ensure!(
            found == task,
            "{}: the contract's task is `{}`; run `retort {}`",
            path.display(),
            found.name(),
            found.name(),
        );
        if self.coverage && loaded.contract.coverage.is_none() {
            return Err(Error::NoCoverage { model: path.clone() }.into());
        }
        Ok(loaded)
    }

    /// Looks at each frame of the source, and reports what there is.
    pub fn each(&self, looker: &mut impl Looker, loaded: Loaded, sinks: &mut Sinks) -> anyhow::Result<()> {
        let name = self.source.clone().map_or_else(|| samples::folder().map(|path| path.display().to_string()), Ok)?;
        let watch = Watch { source: &name, capture: &self.capture, json: self.json, every: 1 };
        let (mut frames, mut unlike) = (0u64, 0u64);
        let result = watch.each(looker, loaded, |report| {
            frames += 1;
            unlike += u64::from(report.is_unlike());
            sinks.take(report)?;
            Ok(ControlFlow::Continue(()))
        });
        let result = result.and(sinks.finish());
        if self.coverage && frames > 0 {
            eprintln!("{unlike} of {frames} frames unlike anything that the model was taught");
        }
        result
    }
}

/// Looks at frames.
pub trait Looker {
    /// What a frame shows.
    fn look(&mut self, frame: &Frame<'_>) -> Result<Seen<'_>, crate::Error>;

    /// Called between two frames: lets another model take the place of the one that looks. Whether memory was or is taken for
    /// such, so that what a frame took cannot be told.
    fn renew(&mut self) -> bool {
        false
    }
}

/// What was seen of a frame.
pub struct Seen<'a> {
    /// What it shows.
    pub findings: Findings<'a>,
    /// The names of the classes of that.
    pub classes: &'a [String],
    /// How unlike it is to what the model was taught, where that was asked for.
    pub novelty: Option<f32>,
    /// Whether it contradicts the frames before it, as far as objects are followed.
    pub contradicts: bool,
    /// How long it took to see.
    pub latency: Latency,
}

/// Where results go.
pub struct Sinks {
    print: Print,
    save: Option<Save>,
    show: Option<Box<dyn Sink>>,
}

/// Where pictures with boxes go.
enum Save {
    Pictures(Annotated),
    Film(Video),
}

enum Print {
    Json(JsonLines<Stdout>),
    Table(Table<Stdout>),
}

impl Sinks {
    /// To standard output as JSON or as tables, and to a folder of annotated pictures, or a film where the name is one's.
    pub fn new(json: bool, save: Option<&Path>) -> anyhow::Result<Sinks> {
        let print =
            if json { Print::Json(JsonLines::new(io::stdout())) } else { Print::Table(Table::new(io::stdout())) };
        let open = |path: &Path| match Video::format(path) {
            Some(_) => Video::new(path).map(Save::Film),
            None => Annotated::new(path).map(Save::Pictures),
        };
        Ok(Sinks { print, save: save.map(open).transpose()?, show: None })
    }

    /// And to a display, where one is named.
    pub fn showing(self, show: &Show) -> anyhow::Result<Sinks> {
        Ok(Sinks { show: show.open()?, ..self })
    }

    /// Ends what is to be ended.
    fn finish(&mut self) -> anyhow::Result<()> {
        if let Some(Save::Film(film)) = self.save.take_if(|save| matches!(save, Save::Film(_))) {
            let path = film.path().to_path_buf();
            film.finish()?;
            if matches!(self.print, Print::Table(_)) {
                writeln!(io::stdout(), "saved {}", path.display())?;
            }
        }
        Ok(())
    }

    fn take(&mut self, report: &Report<'_>) -> anyhow::Result<()> {
        match &mut self.print {
            Print::Json(sink) => sink.take(report)?,
            Print::Table(sink) => sink.take(report)?,
        }
        match &mut self.save {
            Some(Save::Pictures(save)) => {
                save.take(report)?;
                if matches!(self.print, Print::Table(_)) {
                    writeln!(io::stdout(), "  saved {}", save.last().display())?;
                }
            }
            Some(Save::Film(film)) => film.take(report)?,
            None => {}
        }
        if let Some(show) = &mut self.show {
            show.take(report)?;
        }
        Ok(())
    }
}
