//! What a package installs, and where.

use std::fs;
use std::io::Write;

use anyhow::Context;
use clap_complete::Shell;
use flate2::{Compression, GzBuilder};

use crate::deb::{About, File};
use crate::help;
use crate::program::repository;

/// The model that comes with the package, and its card.
const MODEL: [&str; 2] = ["shapes-128.onnx", "shapes-128.md"];

/// The files of a package around a program.
pub fn files(about: &About<'_>, program: &[u8], plan_only: bool) -> anyhow::Result<Vec<File>> {
    let command = retort::cli::command();
    let documents = format!("usr/share/doc/{}", about.name);
    let mut files = vec![
        File::program("usr/bin/retort", program),
        File::new("usr/lib/systemd/system/retort.service", include_bytes!("../debian/retort.service")),
        File::new("usr/lib/udev/rules.d/70-retort-camera.rules", include_bytes!("../debian/70-retort-camera.rules")),
        File::settings("etc/retort/retort.toml", include_bytes!("../debian/retort.toml")),
        File::new("usr/share/bash-completion/completions/retort", help::completions(&command, Shell::Bash)),
        File::new("usr/share/zsh/vendor-completions/_retort", help::completions(&command, Shell::Zsh)),
        File::new("usr/share/fish/vendor_completions.d/retort.fish", help::completions(&command, Shell::Fish)),
        File::new(format!("{documents}/copyright"), include_bytes!("../debian/copyright")),
        File::new(format!("{documents}/changelog.gz"), compressed(changelog(about).as_bytes())?),
    ];
    for (name, page) in help::man_pages(&command)? {
        files.push(File::new(format!("usr/share/man/man1/{name}.gz"), compressed(&page)?));
    }
    for name in MODEL.into_iter().filter(|_| !plan_only) {
        let path = repository().join("models").join(name);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        files.push(File::new(format!("usr/share/retort/models/{name}"), bytes));
    }
    Ok(files)
}

fn changelog(about: &About<'_>) -> String {
    let About { name, version, maintainer, .. } = about;
    format!(
        "{name} ({version}) unstable; urgency=medium\n\n  * Release {version}.\n\n -- {maintainer}  {}\n",
        about.stamp.text
    )
}

/// gzip without a name and a time, which would differ from one build to the next.
pub fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
