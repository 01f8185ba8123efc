//! `cargo xtask`: what is done to the repository rather than by it.
//!
//! `cargo xtask release` makes the folder `dist/`: the static program, a Debian package of it, and their checksums. It needs no
//! Debian tools, and gives the same bytes for the same commit and toolchain.

mod ar;
mod deb;
mod elf;
mod help;
mod payload;
mod program;
mod stamp;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use sha2::{Digest, Sha256};

/// Chores of the repository
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    Release(Release),
}

/// Make the static program for 64-bit Arm boards, a Debian package and their checksums
#[derive(Debug, Args)]
struct Release {
    /// Leave out the reading of ONNX files: only compiled plans load, and no C cross compiler is needed
    #[arg(long)]
    plan_only: bool,
    /// Who answers for the package, as NAME <ADDRESS>
    #[arg(long, default_value = "The Retort contributors <retort@users.noreply.github.com>")]
    maintainer: String,
    /// Where to put them
    #[arg(long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,
}

impl Release {
    fn run(&self) -> anyhow::Result<()> {
        let program = program::build(self.plan_only)?;
        let name = if self.plan_only { "retort-plan-only" } else { "retort" };
        let version = env!("CARGO_PKG_VERSION");
        let about = deb::About {
            name,
            version,
            architecture: program::ARCHITECTURE,
            maintainer: &self.maintainer,
            stamp: stamp::of_commit(),
        };
        let package = deb::package(&about, &payload::files(&about, &program, self.plan_only)?)?;

        fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let written = [
            (format!("{name}-{version}-{}", program::TARGET), program),
            (format!("{name}_{version}_{}.deb", program::ARCHITECTURE), package),
        ];
        for (name, bytes) in &written {
            let path = self.out.join(name);
            fs::write(&path, bytes).with_context(|| path.display().to_string())?;
            println!("{}: {:.1} MB", path.display(), bytes.len() as f64 / 1e6);
        }
        make_executable(&self.out.join(&written[0].0))?;
        write_checksums(&self.out)
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).with_context(|| path.display().to_string())
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Writes `SHA256SUMS` of everything in the folder, in the form that `sha256sum --check` reads.
fn write_checksums(folder: &Path) -> anyhow::Result<()> {
    const NAME: &str = "SHA256SUMS";
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.is_file() && !file.ends_with(NAME));
    files.sort();
    let mut sums = String::new();
    for file in &files {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        let name = file.file_name().unwrap_or_default().display();
        writeln!(sums, "{}  {name}", hexadecimal(&Sha256::digest(&bytes)))?;
    }
    let path = folder.join(NAME);
    fs::write(&path, sums).with_context(|| path.display().to_string())?;
    println!("{}: {} files", path.display(), files.len());
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Release(release) => release.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_what_sha256sum_reads() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "abc").unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        write_checksums(folder.path()).unwrap();
        write_checksums(folder.path()).unwrap();
        // The digests of nothing and of "abc" are test vectors of FIPS 180-4.
        assert_eq!(
            fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n\
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n"
        );
    }
}
