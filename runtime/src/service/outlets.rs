//! All sinks, each failing for itself.
//!
//! A sink that cannot take a frame is reported once, left alone for a while, tried again, and reported when it goes on. The
//! others and the loop do not notice.

use std::time::{Duration, Instant};

use super::config::OutletOptions;
use super::controls::Controls;
use super::http::Server;
use super::meters::{Connection, SharedMeters};
#[cfg(feature = "display")]
use crate::display::{Display, Name};
use crate::error::Error;
use crate::place::Places;
use crate::sink::{Clips, Journal, Report, Sink, Snapshots};
#[cfg(feature = "network")]
use crate::sink::{mqtt::Mqtt, webhook::Webhook};

/// From a failure to the next try.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Between tries at most; from one to the next the wait doubles.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// What names of the caller's sinks begin with.
const OWN: &str = "own ";

/// A sink, and how it does.
struct Outlet {
    name: String,
    sink: Box<dyn Sink>,
    health: Option<Connection>,
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
    /// What those that speak of places were made for.
    places: Places,
    classes: Vec<String>,
    outlets: Vec<Outlet>,
}

/// What sinks are made from, beside their options.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// For the page.
    pub meters: &'a SharedMeters,
    /// For the page.
    pub controls: &'a Controls,
    /// The places that are watched.
    pub places: &'a Places,
    /// The classes of the model.
    pub classes: &'a [String],
}

/// What becomes of a sink when the configuration is read.
enum Plug {
    /// It is the one from before.
    Same,
    /// It is made anew.
    New(Outlet),
}

/// The sinks that there are to be, in their order.
struct Plugs(Vec<(String, Plug)>);

impl Plugs {
    /// Adds one that is wanted, with options that before were others or the same.
    fn add<O, S: Sink + 'static>(
        &mut self,
        name: &str,
        options: Option<&O>,
        same: bool,
        make: impl FnOnce(&O) -> Result<S, Error>,
    ) -> Result<(), Error> {
        self.add_connected(name, options, same, |options| Ok((make(options)?, None)))
    }

    /// The same for one that is connected to somewhere.
    fn add_connected<O, S: Sink + 'static>(
        &mut self,
        name: &str,
        options: Option<&O>,
        same: bool,
        make: impl FnOnce(&O) -> Result<(S, Option<Connection>), Error>,
    ) -> Result<(), Error> {
        let Some(options) = options else { return Ok(()) };
        let plug = if same {
            Plug::Same
        } else {
            let (sink, health) = make(options)?;
            Plug::New(Outlet { health, ..Outlet::new(name, Box::new(sink)) })
        };
        self.0.push((name.to_string(), plug));
        Ok(())
    }
}

impl Outlets {
    /// Makes the sinks that are asked for; those that would be as before go on.
    ///
    /// # Errors
    /// That one cannot be made, with the file or address at fault; then all but the page and the broker's client are as they were.
    pub fn change(&mut self, options: &OutletOptions, around: Surroundings<'_>) -> Result<(), Error> {
        let before = &self.options;
        let mut plugs = Plugs(Vec::new());
        plugs.add("json", options.json.as_ref(), before.json == options.json, |json| {
            Journal::open(json.file.as_deref(), json.frames, json.events)
        })?;
        plugs.add("snapshots", options.snapshots.as_ref(), before.snapshots == options.snapshots, Snapshots::open)?;
        plugs.add("clips", options.clips.as_ref(), before.clips == options.clips, Clips::open)?;
        #[cfg(feature = "display")]
        plugs.add("display", options.display.as_ref(), before.display == options.display, |name| {
            Display::open(&Name::parse(name)?)
        })?;
        #[cfg(feature = "network")]
        self.plug_network(options, around, &mut plugs)?;
        let before = &self.options;
        if before.page != options.page && before.listens_as(options) {
            // An address can be listened on once only.
            self.outlets.retain(|outlet| outlet.name != "page");
        }
        plugs.add("page", options.page.as_ref(), before.page == options.page, |page| {
            Server::start(page, around.meters, around.controls)
        })?;
        // From here on nothing fails.
        let mut old = std::mem::take(&mut self.outlets);
        for (name, plug) in plugs.0 {
            let same = old.iter().position(|outlet| outlet.name == name).map(|index| old.remove(index));
            match plug {
                Plug::Same => self.outlets.extend(same),
                Plug::New(outlet) => self.outlets.push(outlet),
            }
        }
        // Those of the caller stay.
        self.outlets.extend(old.into_iter().filter(|outlet| outlet.name.starts_with(OWN)));
        self.options = options.clone();
        (self.places, self.classes) = (around.places.clone(), around.classes.to_vec());
        Ok(())
    }

    /// Those that speak of places over a network, and have to be made anew when places are others.
    #[cfg(feature = "network")]
    fn plug_network(
        &mut self,
        options: &OutletOptions,
        around: Surroundings<'_>,
        plugs: &mut Plugs,
    ) -> Result<(), Error> {
        let Surroundings { places, classes, .. } = around;
        let same = self.places == *places && self.classes == classes;
        let same_mqtt = same && self.options.mqtt == options.mqtt;
        if !same_mqtt {
            // A broker knows one client of a name only: the one from before says goodbye first, with what it has left.
            self.outlets.retain(|outlet| outlet.name != "mqtt");
        }
        plugs.add_connected("mqtt", options.mqtt.as_ref(), same_mqtt, |options| {
            let mqtt = Mqtt::start(options, places, classes, Some(Box::new(around.meters.clone())))?;
            let connection = mqtt.watch();
            Ok((mqtt, Some(connection)))
        })?;
        for (at, webhook) in options.webhook.iter().enumerate() {
            let same = same && self.options.webhook.get(at) == Some(webhook);
            plugs.add_connected(&format!("webhook {}", at + 1), Some(webhook), same, |options| {
                let webhook = Webhook::start(options, places, classes)?;
                let connection = webhook.watch();
                Ok((webhook, Some(connection)))
            })?;
        }
        Ok(())
    }

    /// Adds a sink of the caller's, which is called `own NAME`.
    pub fn add(&mut self, name: &str, sink: Box<dyn Sink>) {
        self.outlets.push(Outlet::new(&format!("{OWN}{name}"), sink));
    }

    /// What the sinks are called, and how they are connected.
    pub fn names(&self) -> impl Iterator<Item = (String, Option<Connection>)> {
        self.outlets.iter().map(|outlet| (outlet.name.clone(), outlet.health.clone()))
    }

    /// Hands a frame to each.
    pub fn hand_out(&mut self, report: &Report<'_>, meters: &SharedMeters) {
        for outlet in &mut self.outlets {
            outlet.take(report, Instant::now());
        }
        let mut meters = meters.lock();
        for (index, outlet) in self.outlets.iter().enumerate() {
            // One that may be tried again has failed.
            meters.outlet(index, outlet.retry.is_none());
        }
    }
}

impl Outlet {
    fn new(name: &str, sink: Box<dyn Sink>) -> Outlet {
        Outlet {
            name: name.to_string(),
            sink,
            health: None,
            retry: None,
            wait: SHORTEST_WAIT,
            said: String::new(),
            lost: 0,
        }
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
        let report = Report::new(1, Shot::new("a", Frame::rgb(&pixels, 4, 2).unwrap()), Findings::Detections(&[]), &[]);
        let began = Instant::now();
        let took: Vec<u64> =
            (0..12).filter(|&second| outlet.take(&report, began + Duration::from_secs(second))).collect();
        // Tries at 0, 1, 3 and 7 s, of which the fourth succeeds.
        assert_eq!(took, [7, 8, 9, 10, 11]);
        assert_eq!(tries.get(), 8);
        assert_eq!((outlet.lost, outlet.wait), (0, SHORTEST_WAIT));
    }
}
