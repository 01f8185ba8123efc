//! All sinks, each failing for itself.
//!
//! A sink that cannot take a frame is reported once, left alone for a while, tried again, and reported when it goes on. The
//! others and the loop do not notice.

use std::time::{Duration, Instant};

use super::config::OutletOptions;
use super::controls::Controls;
use super::http::Server;
use super::meters::SharedMeters;
use crate::error::Error;
use crate::sink::{Clips, Journal, Report, Sink, Snapshots};

/// From a failure to the next try.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Between tries at most; from one to the next the wait doubles.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A sink, and how it does.
struct Outlet {
    name: &'static str,
    sink: Box<dyn Sink>,
    /// When it may be tried again.
    retry: Option<Instant>,
    wait: Duration,
    said: String,
    /// Frames that it could not take since it last did.
    lost: u64,
}

/// Where results go.
#[derive(Default)]
pub struct Outlets {
    options: OutletOptions,
    outlets: Vec<Outlet>,
}

/// What becomes of a sink when the configuration is read.
enum Plug {
    /// It is not wanted.
    Absent,
    /// It is the one from before.
    Same,
    /// It is made anew.
    New(Box<dyn Sink>),
}

/// Plans for a sink with options, which before were others or the same.
fn plug<O: PartialEq>(
    before: &Option<O>,
    options: &Option<O>,
    make: impl FnOnce(&O) -> Result<Box<dyn Sink>, Error>,
) -> Result<Plug, Error> {
    match options {
        None => Ok(Plug::Absent),
        same if same == before => Ok(Plug::Same),
        Some(options) => make(options).map(Plug::New),
    }
}

impl Outlets {
    /// Makes the sinks that are asked for; those whose options are as before go on.
    ///
    /// # Errors
    /// That one cannot be made, with the file or address at fault; then all are as they were.
    pub fn change(&mut self, options: &OutletOptions, meters: &SharedMeters, controls: &Controls) -> Result<(), Error> {
        let before = &self.options;
        let json = plug(&before.json, &options.json, |json| {
            Ok(Box::new(Journal::open(json.file.as_deref(), json.frames, json.events)?))
        })?;
        if before.page != options.page
            && before.page.as_ref().map(|page| &page.listen) == options.page.as_ref().map(|page| &page.listen)
        {
            // An address can be listened on once only.
            self.outlets.retain(|outlet| outlet.name != "page");
        }
        let page = plug(&before.page, &options.page, |page| Ok(Box::new(Server::start(page, meters, controls)?)))?;
        let snapshots = plug(&before.snapshots, &options.snapshots, |options| Ok(Box::new(Snapshots::open(options)?)))?;
        let clips = plug(&before.clips, &options.clips, |options| Ok(Box::new(Clips::open(options)?)))?;
        let plugs = [("json", json), ("page", page), ("snapshots", snapshots), ("clips", clips)];
        // From here on nothing fails.
        let mut old = std::mem::take(&mut self.outlets);
        for (name, plug) in plugs {
            let same = old.iter().position(|outlet| outlet.name == name).map(|index| old.remove(index));
            match plug {
                Plug::Absent => {}
                Plug::Same => self.outlets.extend(same),
                Plug::New(sink) => self.outlets.push(Outlet::new(name, sink)),
            }
        }
        // Those that were added by hand.
        self.outlets.append(&mut old);
        self.options = options.clone();
        Ok(())
    }

    /// Adds a sink.
    pub fn add(&mut self, name: &'static str, sink: Box<dyn Sink>) {
        self.outlets.push(Outlet::new(name, sink));
    }

    /// What the sinks are called.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.outlets.iter().map(|outlet| outlet.name.to_string())
    }

    /// Hands a frame to each.
    pub fn hand_out(&mut self, report: &Report<'_>, meters: &SharedMeters) {
        for (index, outlet) in self.outlets.iter_mut().enumerate() {
            let well = outlet.take(report, Instant::now());
            meters.lock().outlet(index, well);
        }
    }
}

impl Outlet {
    fn new(name: &'static str, sink: Box<dyn Sink>) -> Outlet {
        Outlet { name, sink, retry: None, wait: SHORTEST_WAIT, said: String::new(), lost: 0 }
    }

    /// Whether the sink took the frame.
    fn take(&mut self, report: &Report<'_>, now: Instant) -> bool {
        if self.retry.is_some_and(|retry| now < retry) {
            self.lost += 1;
            return false;
        }
        match self.sink.take(report) {
            Ok(()) => {
                if self.retry.take().is_some() {
                    eprintln!("note: {}: going on; {} frame(s) were lost", self.name, self.lost);
                    self.said.clear();
                }
                (self.wait, self.lost) = (SHORTEST_WAIT, 0);
                true
            }
            Err(error) => {
                let said = error.to_string();
                if said != self.said {
                    eprintln!("warning: {}: {said}; trying again, less and less often", self.name);
                    self.said = said;
                }
                self.retry = Some(now + self.wait);
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
                self.lost += 1;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Findings;
    use crate::source::Shot;
    use crate::vision::frame::Frame;
    use crate::vision::latency::Latency;

    /// Takes every frame from the `after`th on, and counts the tries.
    struct Fails {
        tries: std::rc::Rc<std::cell::Cell<u32>>,
        after: u32,
    }

    impl Sink for Fails {
        fn take(&mut self, _: &Report<'_>) -> Result<(), Error> {
            self.tries.set(self.tries.get() + 1);
            let full = || Error::Io { path: "disk".into(), source: std::io::ErrorKind::StorageFull.into() };
            if self.tries.get() < self.after { Err(full()) } else { Ok(()) }
        }
    }

    #[test]
    fn what_fails_is_tried_less_and_less_often_until_it_goes_on() {
        let tries = std::rc::Rc::default();
        let mut outlet = Outlet::new("disk", Box::new(Fails { tries: std::rc::Rc::clone(&tries), after: 4 }));
        let pixels = [0; 24];
        let report = Report {
            number: 1,
            shot: Shot::new("a", Frame::rgb(&pixels, 4, 2).unwrap()),
            findings: Findings::Detections(&[]),
            novelty: None,
            contradicts: false,
            classes: &[],
            latency: Latency::default(),
            age: None,
            scene: None,
        };
        let began = Instant::now();
        let took: Vec<u64> =
            (0..12).filter(|&second| outlet.take(&report, began + Duration::from_secs(second))).collect();
        // Tries at 0, 1, 3 and 7 s, of which the fourth succeeds.
        assert_eq!(took, [7, 8, 9, 10, 11]);
        assert_eq!(tries.get(), 8);
        assert_eq!((outlet.lost, outlet.wait), (0, SHORTEST_WAIT));
    }
}
