//! A looker whose model another takes the place of while it looks: `--reload`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::SIGHUP;

use super::look::{Loaded, Look, Looker, Seen};
use crate::model::swap::{Swap, Watched, prove};
use crate::vision::frame::Frame;

/// A looker that can go on where another left off.
pub trait Heir: Looker + Sized + Send + 'static {
    /// Takes over what is to go on, such as tracks.
    fn inherit(&mut self, before: Self);
}

/// A looker, and what prepares the next one.
pub struct Renewed<L> {
    looker: L,
    swap: Option<Swap<L, anyhow::Error>>,
    path: PathBuf,
    /// The looker has seen no frame yet, and takes its memory when it does.
    is_new: bool,
}

impl<L: Heir> Renewed<L> {
    /// Opens a looker, and has `open` prepare the next ones where `look` asks for that.
    pub fn open(
        look: Look,
        open: impl Fn(&Look) -> anyhow::Result<(L, Loaded)> + Send + 'static,
    ) -> anyhow::Result<(Renewed<L>, Loaded)> {
        let path = look.model.model.clone();
        let watched = look.reload.then(|| Watched::model(&path, look.contract.as_deref()));
        let (looker, loaded) = open(&look)?;
        let prepare = move || {
            let (looker, loaded) = open(&look)?;
            prove(&loaded.model, &loaded.contract)?;
            Ok(looker)
        };
        let start = |watched| {
            let now = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(SIGHUP, Arc::clone(&now)).context("no handler for SIGHUP")?;
            Swap::start(watched, now, prepare).context("--reload needs a thread of its own")
        };
        let swap = watched.map(start).transpose()?;
        Ok((Renewed { looker, swap, path, is_new: false }, loaded))
    }
}

impl<L: Heir> Looker for Renewed<L> {
    fn look(&mut self, frame: &Frame<'_>) -> Result<Seen<'_>, crate::Error> {
        self.looker.look(frame)
    }

    fn renew(&mut self) -> bool {
        let Some(swap) = &self.swap else { return false };
        let takes_memory = swap.takes_memory() | std::mem::take(&mut self.is_new);
        match swap.news() {
            None => return takes_memory,
            Some(Ok(new)) => {
                let before = std::mem::replace(&mut self.looker, new);
                self.looker.inherit(before);
                self.is_new = true;
                eprintln!("note: {}: replaced; the new model looks at what comes next", self.path.display());
            }
            Some(Err(error)) => eprintln!("warning: {}; going on with the model from before", super::describe(&error)),
        }
        true
    }
}
