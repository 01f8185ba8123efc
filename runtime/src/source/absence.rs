//! A source that is away, said on standard error: when it begins, whenever the reason is another, and when it is over.

use std::time::Instant;

use crate::error::Error;

/// What was said of it.
#[derive(Debug, Default)]
pub struct Absence {
    since: Option<Instant>,
    said: String,
}

impl Absence {
    /// Says why there is no frame, unless that was what was said last.
    pub fn begin(&mut self, error: &Error) {
        self.since.get_or_insert_with(Instant::now);
        let said = error.to_string();
        if said != self.said {
            eprintln!("warning: {said}");
            self.said = said;
        }
    }

    /// A frame came from the source of this name. Whether it had been away.
    pub fn end(&mut self, name: &str) -> bool {
        let Some(since) = self.since.take() else { return false };
        eprintln!("note: {name}: going on after {:.1} s", since.elapsed().as_secs_f64());
        self.said.clear();
        true
    }
}
