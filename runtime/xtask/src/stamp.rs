//! The time that everything in a release bears: that of its commit, so that building it again gives the same bytes.

use std::process::Command;

/// A point in time.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Seconds since 1970.
    pub seconds: u64,
    /// The same as mail writes it (RFC 5322), for the changelog.
    pub text: String,
}

/// The time of the commit that is checked out; where that is not known, 1970.
pub fn of_commit() -> Stamp {
    let log =
        Command::new("git").args(["log", "-1", "--format=%ct %cD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let text = log.map(|log| String::from_utf8_lossy(&log.stdout).into_owned()).unwrap_or_default();
    let parts = text.trim().split_once(' ').and_then(|(seconds, text)| Some((seconds.parse().ok()?, text.to_owned())));
    let (seconds, text) = parts.unwrap_or((0, "Thu, 1 Jan 1970 00:00:00 +0000".to_owned()));
    Stamp { seconds, text }
}
