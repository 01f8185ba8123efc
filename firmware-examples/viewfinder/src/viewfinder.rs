//! The viewfinder: a sink that draws each frame, and a clerk on a thread of his own who shows the newest one.
//!
//! A full picture of 240 × 240 pixels takes 15 ms on a bus of 62 MHz: no frame waits for that. The clerk looks for a screen that
//! is missing or was pulled out every five seconds, and says why there is no new picture.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use retort::Error;
use retort::display::{Changes, Screen};
use retort::sink::{Report, Sink};

use crate::picture::{Picture, put_notice};
use crate::post::{Heard, Post, Shape};
use crate::status::{Notice, Status};

/// How often the clerk looks whether the camera is lost.
const LOOK: Duration = Duration::from_millis(200);
/// Between two tries to find a screen.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says how the service fares.
type Ask = Arc<dyn Fn() -> Status + Send + Sync>;

/// The sink.
pub struct Viewfinder {
    picture: Option<Picture>,
    post: Arc<Post>,
    ask: Ask,
    clerk: Option<JoinHandle<()>>,
}

impl Viewfinder {
    /// Starts the clerk. `open` opens the screen, and does so again after it was lost; `ask` says how the service fares.
    ///
    /// # Errors
    /// That the system has no thread to give.
    pub fn start<E: std::fmt::Display>(
        open: impl Fn() -> Result<Box<dyn Screen>, E> + Send + 'static,
        ask: impl Fn() -> Status + Send + Sync + 'static,
    ) -> io::Result<Viewfinder> {
        let (post, ask): (_, Ask) = (Arc::new(Post::default()), Arc::new(ask));
        let (his_post, his_ask) = (Arc::clone(&post), Arc::clone(&ask));
        let work = move || Clerk { post: &his_post, ask: &his_ask, tried: None, said: String::new() }.work(open);
        let clerk = thread::Builder::new().name("clerk".into()).spawn(work)?;
        Ok(Viewfinder { picture: None, post, ask, clerk: Some(clerk) })
    }
}

impl Sink for Viewfinder {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let Some((size, depth)) = self.post.shape() else { return Ok(()) };
        let picture = match self.picture.take() {
            Some(picture) if picture.is_for(size, depth) => picture,
            _ => Picture::new(size, depth),
        };
        let picture = self.picture.insert(picture);
        picture.draw(report, &(self.ask)());
        self.post.leave((size, depth), |memory| picture.exchange(memory));
        Ok(())
    }
}

impl Drop for Viewfinder {
    fn drop(&mut self) {
        self.post.end();
        if let Some(clerk) = self.clerk.take() {
            let _ = clerk.join();
        }
    }
}

/// Who shows pictures.
struct Clerk<'a> {
    post: &'a Post,
    ask: &'a Ask,
    tried: Option<Instant>,
    said: String,
}

impl Clerk<'_> {
    fn work<E: std::fmt::Display>(mut self, open: impl Fn() -> Result<Box<dyn Screen>, E>) {
        let mut ended = false;
        while !ended {
            if self.tried.is_none_or(|tried| tried.elapsed() >= PATIENCE) {
                self.tried = Some(Instant::now());
                let done = open().map_err(|error| error.to_string()).and_then(|screen| self.show_on(screen));
                match done {
                    Ok(()) => return,
                    Err(problem) => self.say(problem),
                }
                self.post.set_shape(None);
            }
            ended = self.post.wait(LOOK, &mut Vec::new()).ended;
        }
    }

    /// Shows pictures until the end, or until the screen fails.
    fn show_on(&mut self, screen: Box<dyn Screen>) -> Result<(), String> {
        let mut wall = Wall::of(screen);
        self.post.set_shape(Some(wall.shape));
        // Neither what an earlier picture left nor what the controller's memory has by chance stays on the screen.
        let mut waiting = Some(Notice::Waiting);
        let mut shown = waiting;
        wall.show(shown).map_err(|error| error.to_string())?;
        if !std::mem::take(&mut self.said).is_empty() {
            eprintln!("note: the screen is back");
        }
        loop {
            let Heard { is_new, ended } = self.post.wait(LOOK, &mut wall.pixels);
            waiting = waiting.filter(|_| !is_new);
            let is_lost = !is_new && (self.ask)().is_lost;
            let notice = is_lost.then_some(Notice::CameraLost).or(waiting);
            if is_new || notice != shown {
                wall.show(notice).map_err(|error| error.to_string())?;
                shown = notice;
            }
            if ended {
                return wall.show(Some(Notice::Stopped)).map_err(|error| error.to_string());
            }
        }
    }

    /// Says what is wrong with the screen, once.
    fn say(&mut self, problem: String) {
        if problem != self.said {
            eprintln!("warning: {problem}; going on without a screen, and looking for it");
            self.said = problem;
        }
    }
}

/// A screen with what it shows.
struct Wall {
    screen: Box<dyn Screen>,
    shape: Shape,
    changes: Changes,
    /// The newest picture; dark at first.
    pixels: Vec<u8>,
    /// The same with a notice.
    noted: Vec<u8>,
}

impl Wall {
    fn of(screen: Box<dyn Screen>) -> Wall {
        let shape = (screen.size(), screen.depth());
        let [width, height] = shape.0;
        let dark = vec![0; width * height * 3];
        Wall { screen, shape, changes: Changes::new(shape.0), pixels: dark.clone(), noted: dark }
    }

    fn show(&mut self, notice: Option<Notice>) -> io::Result<()> {
        let pixels = match notice {
            None => &self.pixels,
            Some(notice) => {
                self.noted.copy_from_slice(&self.pixels);
                put_notice(&mut self.noted, self.shape.0, self.shape.1, notice);
                &self.noted
            }
        };
        self.changes.of(pixels).iter().try_for_each(|area| self.screen.show(area, pixels))?;
        self.screen.end()
    }
}
