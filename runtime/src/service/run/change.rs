//! What changes while the service runs: settings from the page, a configuration that is read anew, a model that is replaced.
//!
//! What is new is checked and made as a whole before anything of it counts; where that fails, all goes on as before.

use super::*;

impl Service {
    /// Takes over what the live page has changed.
    pub(super) fn take_settings(&mut self) -> Result<(), Error> {
        self.version = self.controls.version();
        let settings = self.controls.settings();
        // They were checked when they were changed.
        if let Ok(places) = settings.places(self.eye.classes()) {
            self.eye.set_score(settings.score)?;
            self.eye.watch(places.clone());
            let around = Surroundings {
                meters: &self.meters,
                controls: &self.controls,
                places: &places,
                classes: &self.classes,
            };
            // A wish for a zone that is no more, say: the sinks from before go on.
            if let Err(error) = self.outlets.change(&self.config.outlets, around) {
                eprintln!("warning: {error}");
            }
            self.list_in_meters();
            eprintln!("note: settings were changed");
        }
        Ok(())
    }

    /// Takes over a model that was put in the place of the one that runs. Whether memory was taken meanwhile.
    pub(super) fn renew(&mut self) -> bool {
        let Some(swap) = &self.swap else { return false };
        let takes_memory = swap.takes_memory();
        let taken = match swap.news() {
            None => return takes_memory,
            Some(news) => news.and_then(|eye| self.take_eye(eye)),
        };
        let file = self.config.model.file.display();
        match taken {
            Ok(()) => eprintln!("note: {file}: replaced; the new model looks at what comes next"),
            Err(error) => eprintln!("warning: {error}; going on with the model from before"),
        }
        true
    }

    fn take_eye(&mut self, mut eye: Eye) -> Result<(), Error> {
        let settings = self.controls.settings();
        let places = settings.places(eye.classes()).map_err(|problem| wrong(&self.path, problem))?;
        eye.set_score(settings.score)?;
        if eye.classes() == &self.classes[..] {
            let before = std::mem::replace(&mut self.eye, eye);
            self.eye.go_on(before);
            return Ok(());
        }
        let around =
            Surroundings { meters: &self.meters, controls: &self.controls, places: &places, classes: eye.classes() };
        self.outlets.change(&self.config.outlets, around)?;
        eye.watch(places);
        self.take_other(eye);
        self.controls.reset(settings, &self.classes, self.config.settings.clone());
        self.version = self.controls.version();
        self.list_in_meters();
        Ok(())
    }

    /// Looks through another eye, whose classes may be others: counts begin anew.
    fn take_other(&mut self, eye: Eye) {
        self.classes = eye.classes().into();
        self.eye = eye;
        self.meters.lock().begin_anew(&self.classes);
    }

    /// Reads the configuration anew. What cannot be had leaves everything as it was.
    pub(super) fn reload(&mut self) {
        self.manager.tell_reloading();
        match self.try_reload() {
            Ok(()) => eprintln!("note: {}: read anew", self.path.display()),
            Err(error) => eprintln!("warning: {error}; going on as before"),
        }
        self.manager.tell("READY=1");
    }

    fn try_reload(&mut self) -> Result<(), Error> {
        let path = self.path.clone();
        let config = Config::read(&path)?;
        let same_eye =
            config.model == self.config.model && config.governor.small_model == self.config.governor.small_model;
        let swap = if same_eye { None } else { watch_model(&config)? };
        let eye = if same_eye { None } else { Some(open_eye(&config)?) };
        let new = eye.as_ref().unwrap_or(&self.eye);
        let (settings, places) = settings(&path, &config, new)?;
        let options = config.source_options(new.input_size(), self.stop.clone());
        let same_source = config.source == self.config.source && config.camera == self.config.camera;
        let around =
            Surroundings { meters: &self.meters, controls: &self.controls, places: &places, classes: new.classes() };
        self.outlets.change(&config.outlets, around)?;
        if !same_source {
            // A camera can be opened once only.
            self.source = Box::new(Nothing);
            self.source = source::open(&config.source, &options).or_else(|error| {
                let options = self.config.source_options(self.eye.input_size(), self.stop.clone());
                eprintln!("warning: {error}; taking the source from before");
                source::open(&self.config.source, &options)
            })?;
        }
        if let Some(new) = eye {
            self.take_other(new);
            self.swap = swap;
        }
        self.controls.reset(settings.clone(), &self.classes, config.settings.clone());
        self.version = self.controls.version();
        self.eye.set_score(settings.score)?;
        self.eye.watch(places);
        if self.config.governor != config.governor {
            self.governor = Governor::new(config.governor.clone());
        }
        self.config = config;
        self.list_in_meters();
        Ok(())
    }
}

/// In the place of a source that is about to be another.
struct Nothing;

impl Source for Nothing {
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        Ok(None)
    }

    fn count(&self) -> Option<usize> {
        Some(0)
    }
}
