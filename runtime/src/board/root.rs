//! Files below a folder that stands for `/`, none of which need be there.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The most that is read of a file: those of `/proc` and `/sys` are small.
const MOST: u64 = 1 << 20;
/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// A folder that stands for `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
    /// Whether this is the running system, whose programs may be asked.
    running: bool,
}

impl Root {
    /// The running system.
    pub fn system() -> Root {
        Root { path: "/".into(), running: true }
    }

    /// The files of another system; no program of it is run.
    pub fn at(path: &Path) -> Root {
        Root { path: path.into(), running: false }
    }

    /// Where a file lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name.trim_start_matches('/'))
    }

    /// The first megabyte of a file.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(name)).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// A file's text without the white space and the zero bytes around it; `None` also where that leaves nothing.
    pub fn text(&self, name: &str) -> Option<String> {
        let bytes = self.bytes(name)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_string())
    }

    /// The number that a file holds.
    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// The names in a folder that begin with `prefix`, in the order of the numbers behind it.
    pub fn names(&self, folder: &str, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort_by_key(|name| (name[prefix.len()..].parse().unwrap_or(u64::MAX), name.clone()));
        names
    }

    /// Whether one of the folders where programs lie holds this one.
    pub fn has_program(&self, name: &str) -> bool {
        let folders = ["usr/local/bin", "usr/bin", "bin", "usr/sbin", "sbin"].map(|folder| self.path(folder));
        let on_path = std::env::var_os("PATH").filter(|_| self.running);
        let on_path = on_path.iter().flat_map(std::env::split_paths);
        folders.into_iter().chain(on_path).any(|folder| folder.join(name).is_file())
    }

    /// What a program of the running system prints, a line or two; `None` where it is missing, fails or does not end in time.
    pub(super) fn output_of(&self, program: &str, argument: &str) -> Option<String> {
        if !self.running || !self.has_program(program) {
            return None;
        }
        let mut command = Command::new(program);
        let mut child = command.arg(argument).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let start = Instant::now();
        let status = loop {
            match child.try_wait().ok()? {
                Some(status) => break status,
                None if start.elapsed() < PATIENCE => std::thread::sleep(POLL),
                None => {
                    // It may have ended by itself just now.
                    let _ = child.kill();
                    let _ = child.wait();
                    return None;
                }
            }
        };
        let mut text = String::new();
        child.stdout.take()?.take(MOST).read_to_string(&mut text).ok()?;
        status.success().then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!((root.text("proc/no"), root.number::<u32>("no"), root.names("no", "")), (None, None, Vec::new()));
        assert!(!root.has_program("sh"));
        assert_eq!(root.output_of("sh", "--version"), None, "another system's programs are not run");
        fs::write(folder.path().join("model"), "Pi\0\n").unwrap();
        fs::write(folder.path().join("empty"), "\0").unwrap();
        fs::write(folder.path().join("garbage"), [0xff, b'1']).unwrap();
        assert_eq!(root.text("/model").as_deref(), Some("Pi"));
        assert_eq!(root.text("empty"), None);
        assert_eq!(root.number::<u32>("garbage"), None);
    }

    #[test]
    fn programs_of_the_running_system_are_asked_and_not_waited_for_in_vain() {
        let root = Root::system();
        assert_eq!(root.output_of("no-such-program", ""), None);
        assert_eq!(root.output_of("echo", "volt=1.2V").as_deref(), Some("volt=1.2V\n"));
        assert_eq!(root.output_of("false", ""), None);
        assert_eq!(root.output_of("sleep", "60"), None);
    }

    #[test]
    fn folders_are_listed_by_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cpu10", "cpu2", "cpufreq", "other"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(Root::at(folder.path()).names("", "cpu"), ["cpu2", "cpu10", "cpufreq"]);
    }
}
