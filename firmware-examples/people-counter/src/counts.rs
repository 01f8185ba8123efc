//! The numbers, and the file that they outlive a restart in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use retort::place::Way;
use serde::{Deserialize, Serialize};

/// How many came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Crossed forward.
    #[serde(rename = "in")]
    pub came: u64,
    /// Crossed backward.
    #[serde(rename = "out")]
    pub went: u64,
    /// Inside now. Never below zero: who goes out and was not seen to come in is not owed.
    pub inside: u64,
}

impl Counts {
    /// Somebody crossed.
    pub fn cross(&mut self, way: Way) {
        match way {
            Way::Forward => (self.came, self.inside) = (self.came + 1, self.inside + 1),
            Way::Backward => (self.went, self.inside) = (self.went + 1, self.inside.saturating_sub(1)),
        }
    }

    /// Those of a file; zeros where there is none.
    ///
    /// # Errors
    /// That it cannot be read, or holds something else.
    pub fn read(path: &Path) -> io::Result<Counts> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Counts::default()),
            Err(error) => Err(error),
        }
    }

    /// Puts them into a file. Whoever pulls the plug finds the old ones or the new ones there, never half of them.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let partial = path.with_extension("partial");
        let mut file = File::create(&partial)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_never_seen_to_come_is_not_owed() {
        let mut counts = Counts::default();
        for way in [Way::Backward, Way::Forward, Way::Forward, Way::Backward] {
            counts.cross(way);
        }
        assert_eq!(counts, Counts { came: 2, went: 2, inside: 1 });
    }

    #[test]
    fn they_come_back_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.json");
        assert_eq!(Counts::read(&path).unwrap(), Counts::default());
        let counts = Counts { came: 12, went: 9, inside: 3 };
        counts.write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"in":12,"out":9,"inside":3}"#);
        assert_eq!(Counts::read(&path).unwrap(), counts);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half made is left");
        fs::write(&path, "{\"in\":1").unwrap();
        assert!(Counts::read(&path).is_err(), "a broken file is no zero");
    }
}
