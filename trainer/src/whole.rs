//! Files that are there whole or not at all, whenever the program or the machine stops.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes a file under another name beside its own, flushes it to the disk, and renames it.
///
/// # Errors
/// The system's; a file that was there before is as it was.
pub fn write(path: &Path, contents: impl AsRef<[u8]>) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut file = std::fs::File::create(&partial)?;
    file.write_all(contents.as_ref())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_beside_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.b.json");
        write(&path, "old").expect("written");
        write(&path, "new").expect("written again");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
        assert!(write(&folder.path().join("no/such/folder"), "x").is_err());
    }
}
