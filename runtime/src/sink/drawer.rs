//! A folder of files that never outgrows a quota: the oldest make room for the newest.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// What files in the making end in.
const PARTIAL: &str = "partial";

/// Requires of a quota that it is some megabytes.
pub(super) fn check_quota(megabytes: u64) -> Result<(), String> {
    match megabytes {
        1..=0x10_0000 => Ok(()),
        _ => Err("quota: give megabytes from 1 to 1048576".into()),
    }
}

/// A folder, and what of ours lies in it, the oldest first: names begin with the time.
#[derive(Debug)]
pub struct Drawer {
    folder: PathBuf,
    quota: u64,
    files: VecDeque<(PathBuf, u64)>,
    used: u64,
}

impl Drawer {
    /// Opens the folder, or makes it. Files that end in one of `endings` count as ours, and against the quota, in bytes; what an
    /// earlier run left unfinished is removed.
    ///
    /// # Errors
    /// [`Error::Io`] names the folder.
    pub fn open(folder: &Path, quota: u64, endings: &[&str]) -> Result<Drawer, Error> {
        let io = |source| Error::Io { path: folder.into(), source };
        fs::create_dir_all(folder).map_err(io)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let (path, size) = (entry.path(), entry.metadata().map_or(0, |metadata| metadata.len()));
            let ending = path.extension().and_then(OsStr::to_str);
            let is_ours = ending.is_some_and(|ending| endings.contains(&ending));
            let stem_ending = path.file_stem().map(Path::new).and_then(Path::extension).and_then(OsStr::to_str);
            if ending == Some(PARTIAL) && stem_ending.is_some_and(|ending| endings.contains(&ending)) {
                fs::remove_file(&path).map_err(io)?;
            } else if is_ours {
                files.push((path, size));
            }
        }
        files.sort();
        let used = files.iter().map(|(_, size)| size).sum();
        Ok(Drawer { folder: folder.into(), quota, files: files.into(), used })
    }

    /// Where a file that is called `name` is to be made, until it is [adopted](Self::adopt).
    pub fn partial(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{PARTIAL}"))
    }

    /// Bytes of all files.
    #[cfg(test)]
    fn used(&self) -> u64 {
        self.used
    }

    /// Writes a file whole, or not at all. Where the disk is full, the oldest make room, too.
    ///
    /// # Errors
    /// [`Error::Io`] names the file, and [`Error::Picture`] says that it is larger than all may be.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        self.make_room(name, bytes.len() as u64)?;
        let partial = self.partial(name);
        let mut written = fs::write(&partial, bytes);
        if written.as_ref().is_err_and(is_full) {
            // Twice as much, for those who write beside us.
            self.remove_oldest(2 * bytes.len() as u64);
            written = fs::write(&partial, bytes);
        }
        match written {
            Ok(()) => self.adopt(name),
            Err(source) => {
                let _ = fs::remove_file(&partial);
                Err(Error::Io { path: self.folder.join(name), source })
            }
        }
    }

    /// Takes over a file that somebody has made at its [partial](Self::partial) place.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn adopt(&mut self, name: &str) -> Result<PathBuf, Error> {
        let (partial, path) = (self.partial(name), self.folder.join(name));
        let io = |source| Error::Io { path: path.clone(), source };
        let size = fs::metadata(&partial).map_err(io)?.len();
        if let Err(error) = self.make_room(name, size) {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        fs::rename(&partial, &path).map_err(io)?;
        self.files.push_back((path.clone(), size));
        self.used += size;
        Ok(path)
    }

    fn make_room(&mut self, name: &str, size: u64) -> Result<(), Error> {
        if size > self.quota {
            let problem = format!("takes {size} bytes, more than the quota of {}; raise that", self.quota);
            return Err(Error::Picture { path: self.folder.join(name), problem });
        }
        let over = (self.used + size).saturating_sub(self.quota);
        if over > 0 {
            self.remove_oldest(over);
        }
        Ok(())
    }

    /// Removes the oldest files, of so many bytes in all at least.
    fn remove_oldest(&mut self, bytes: u64) {
        let mut removed = 0;
        while removed < bytes
            && let Some((path, size)) = self.files.pop_front()
        {
            // Somebody else may have removed it.
            let _ = fs::remove_file(&path);
            self.used -= size;
            removed += size;
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_make_room_and_strangers_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for (name, size) in [("2.jpg", 40), ("1.jpg", 40), ("notes.txt", 99), ("3.jpg.partial", 9), ("x.partial", 9)] {
            fs::write(path.join(name), vec![0; size]).unwrap();
        }
        let mut drawer = Drawer::open(path, 100, &["jpg"]).unwrap();
        assert_eq!(drawer.used(), 80);
        drawer.put("4.jpg", &[0; 50]).unwrap();
        assert_eq!(names(path), ["2.jpg", "4.jpg", "notes.txt", "x.partial"]);
        assert_eq!(drawer.used(), 90);
        assert!(drawer.put("5.jpg", &[0; 101]).unwrap_err().to_string().contains("quota"));
        fs::write(drawer.partial("6.jpg"), [0; 60]).unwrap();
        drawer.adopt("6.jpg").unwrap();
        assert_eq!(names(path), ["6.jpg", "notes.txt", "x.partial"]);
        assert!(drawer.put("no/such.jpg", &[0]).is_err());
        assert_eq!(drawer.used(), 60);
    }
}
