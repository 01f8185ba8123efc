//! The run folder: files are written whole or not at all, tables line by line.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::whole;

/// Something in the run folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}; choose another folder with --run")]
pub struct FolderError {
    path: PathBuf,
    source: std::io::Error,
}

/// A folder that one run writes into.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    tables: Mutex<()>,
}

impl RunFolder {
    /// Makes the folder, and its parents, if they are not there.
    pub fn create(path: &Path) -> Result<RunFolder, FolderError> {
        let folder = RunFolder { path: path.to_owned(), tables: Mutex::new(()) };
        std::fs::create_dir_all(path).map_err(|source| FolderError { path: path.to_owned(), source })?;
        Ok(folder)
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The text of a file in the folder, if there is one.
    pub fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.file(name)).ok()
    }

    /// Writes a file under a temporary name and renames it.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<(), FolderError> {
        let path = self.file(name);
        whole::write(&path, contents).map_err(|source| FolderError { path, source })
    }

    /// The error of a file in the folder that somebody else could not write.
    pub fn failed(&self, name: &str, source: std::io::Error) -> FolderError {
        FolderError { path: self.file(name), source }
    }

    /// Starts a table with a line of headings.
    pub fn start_table(&self, name: &str, headings: &str) -> Result<(), FolderError> {
        self.write(name, format!("{headings}\n"))
    }

    /// Removes the lines of a table, other than its first, that `stale` says yes to.
    pub fn drop_rows(&self, name: &str, stale: impl Fn(&str) -> bool) -> Result<(), FolderError> {
        let _one_at_a_time = self.tables.lock();
        let Some(text) = self.read(name) else { return Ok(()) };
        let mut lines = text.lines();
        let kept = lines.next().into_iter().chain(lines.filter(|line| !stale(line)));
        let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
        if kept == text { Ok(()) } else { self.write(name, kept) }
    }

    /// Removes files that end in one of the extensions.
    pub fn clear(&self, extensions: &[&str]) -> Result<(), FolderError> {
        let fail = |source| FolderError { path: self.path.clone(), source };
        for entry in std::fs::read_dir(&self.path).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if extension.is_some_and(|extension| extensions.contains(&extension)) {
                std::fs::remove_file(&path).map_err(|source| FolderError { path: path.clone(), source })?;
            }
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.file(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(FolderError { path, source }),
            _ => Ok(()),
        }
    }

    /// Adds a line to a table; lines from several threads do not mix.
    pub fn add_row(&self, name: &str, row: &str) -> Result<(), FolderError> {
        let path = self.file(name);
        let fail = |source| FolderError { path: path.clone(), source };
        let _one_at_a_time = self.tables.lock();
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&path).map_err(fail)?;
        file.write_all(format!("{row}\n").as_bytes()).map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_rows_arrive() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = RunFolder::create(&folder.path().join("deep/run")).expect("made");
        run.start_table("t.csv", "a,b").expect("started");
        run.add_row("t.csv", "1,2").expect("added");
        assert_eq!(std::fs::read_to_string(run.file("t.csv")).expect("read"), "a,b\n1,2\n");
        assert!(!run.file("t.csv.partial").exists());
        run.add_row("t.csv", "3,4").expect("added");
        run.drop_rows("t.csv", |row| row.starts_with("1,")).expect("dropped");
        assert_eq!(run.read("t.csv").expect("read"), "a,b\n3,4\n");
        run.clear(&["csv"]).expect("cleared");
        assert_eq!(run.read("t.csv"), None);
        run.write("a.json", "{}").expect("written");
        run.remove("a.json").and_then(|()| run.remove("a.json")).expect("removed, and not there");
        assert!(!run.file("a.json").exists());
        std::fs::write(folder.path().join("file"), "").expect("written");
        let error = RunFolder::create(&folder.path().join("file/run")).expect_err("a file is in the way");
        assert!(error.to_string().contains("--run"));
    }
}
