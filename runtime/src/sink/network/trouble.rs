//! What is wrong with an address, said once on standard error: when it begins, when it changes, and when it is over.

use std::time::Instant;

use super::outbox::Outbox;

/// What was said.
#[derive(Debug)]
pub(in crate::sink) struct Trouble {
    name: String,
    since: Option<Instant>,
    said: String,
    /// Events that had been dropped when that was last said.
    dropped: u64,
    overflows: bool,
    /// Where it is said.
    say: fn(&str),
}

impl Trouble {
    /// `name` is what the address may be called in public.
    pub fn new(name: &str) -> Trouble {
        let say = |line: &str| eprintln!("{line}");
        Trouble { name: name.into(), since: None, said: String::new(), dropped: 0, overflows: false, say }
    }

    #[cfg(test)]
    pub fn saying(name: &str, say: fn(&str)) -> Trouble {
        Trouble { say, ..Trouble::new(name) }
    }

    /// Something is wrong; said unless it is what was said last.
    pub fn report(&mut self, problem: &str, outbox: &Outbox) {
        self.since.get_or_insert_with(Instant::now);
        if problem != self.said {
            let keeps = outbox.capacity();
            (self.say)(&format!("warning: {}: {problem}; trying again, up to {keeps} events are kept", self.name));
            self.said = problem.into();
        }
    }

    /// Says, once, that events are dropped because too many wait.
    pub fn check_overflow(&mut self, outbox: &Outbox) {
        let dropped = outbox.health.read().dropped;
        if dropped > self.dropped && !self.overflows {
            let keeps = outbox.capacity();
            (self.say)(&format!("warning: {}: more than {keeps} events wait; the oldest are dropped", self.name));
            self.overflows = true;
        }
        if !self.overflows {
            self.dropped = dropped;
        }
    }

    /// One event was given up for a reason of its own; said unless it is what was said last.
    pub fn gave_up(&mut self, reason: &str) {
        // Not an overflow, which is told by the same counter.
        self.dropped += 1;
        if reason != self.said {
            (self.say)(&format!("warning: {}: {reason}; such events are dropped", self.name));
            self.said = reason.into();
        }
    }

    /// All is well.
    pub fn end(&mut self, outbox: &Outbox) {
        self.said.clear();
        let Some(since) = self.since.take() else { return };
        let mut line = format!("note: {}: going on after {:.1} s", self.name, since.elapsed().as_secs_f64());
        let dropped = outbox.health.read().dropped;
        if self.overflows {
            line += &format!(", {} events were dropped", dropped - self.dropped);
        }
        (self.dropped, self.overflows) = (dropped, false);
        (self.say)(&line);
    }

    /// The end, with some left.
    pub fn undelivered(&mut self, count: u64) {
        if count > 0 {
            (self.say)(&format!("warning: {}: ended with {count} events that could not be delivered", self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::place::What;
    use crate::sink::happening::tests::event;
    use crate::sink::network::outbox::Item;

    thread_local! {
        static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn each_trouble_is_said_once_and_so_is_its_end() {
        let mut trouble =
            Trouble::saying("mqtt://b:1883", |line| LINES.with_borrow_mut(|lines| lines.push(line.into())));
        let outbox = Outbox::new(2);
        trouble.end(&outbox);
        for problem in ["refused", "refused", "no route", "no route"] {
            trouble.report(problem, &outbox);
            outbox.push(Item { event: event(What::Entered { zone: 0 }), unix_ms: 0 });
            trouble.check_overflow(&outbox);
        }
        trouble.end(&outbox);
        trouble.end(&outbox);
        trouble.check_overflow(&outbox);
        trouble.report("refused", &outbox);
        let lines = LINES.take();
        assert_eq!(
            lines,
            [
                "warning: mqtt://b:1883: refused; trying again, up to 2 events are kept",
                "warning: mqtt://b:1883: no route; trying again, up to 2 events are kept",
                "warning: mqtt://b:1883: more than 2 events wait; the oldest are dropped",
                "note: mqtt://b:1883: going on after 0.0 s, 2 events were dropped",
                "warning: mqtt://b:1883: refused; trying again, up to 2 events are kept",
            ]
        );
    }
}
