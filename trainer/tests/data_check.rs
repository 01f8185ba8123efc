//! `retort-train data check` as others call it: what it prints, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_retort-train")).arg("data").arg("check").args(arguments).output().expect("it runs")
}

fn words(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// Two classes of two pictures, the last of which is cut short.
fn set() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (index, name) in ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg"].into_iter().enumerate() {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let colour = |x: u32, y: u32| [(x * 5) as u8, (y * 7) as u8, (x * y * (index as u32 + 1)) as u8];
        image::RgbImage::from_fn(48, 32, |x, y| image::Rgb(colour(x, y))).save(&path).expect("written");
    }
    let cut = folder.path().join("dog/4.jpg");
    let bytes = std::fs::read(&cut).expect("read");
    std::fs::write(cut, &bytes[..200]).expect("written");
    folder
}

fn path(folder: &Path) -> &str {
    folder.to_str().expect("a name in UTF-8")
}

#[test]
fn a_usable_set_is_described_and_drawn() {
    let folder = set();
    let out = folder.path().join("out");
    let page = run(&[path(folder.path()), "--out", path(&out)]);
    assert!(page.status.success(), "{}", words(&page.stderr));
    let page = words(&page.stdout);
    assert!(page.contains("ImageFolder") && page.contains("dog/4.jpg: is cut short"), "{page}");
    assert!(page.contains("Fit to learn from") && out.join("sheet-pictures.png").is_file(), "{page}");

    let json = run(&[path(folder.path()), "--format", "image-folder", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["usable"]["for"], "labels");
    assert_eq!(report["problems"][0]["fault"], "broken-picture");
    assert_eq!(report["classes"][1]["class"], "dog");
}

#[test]
fn what_is_unfit_ends_with_one_and_one_line() {
    let folder = set();
    for name in ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg"] {
        std::fs::write(folder.path().join(name), "").expect("written");
    }
    let unfit = run(&[path(folder.path())]);
    assert_eq!(unfit.status.code(), Some(1));
    let error = words(&unfit.stderr);
    assert!(error.starts_with("error: ") && error.contains("none of its") && error.lines().count() == 1, "{error}");

    let missing = run(&[path(&folder.path().join("none"))]);
    assert_eq!((missing.status.code(), words(&missing.stderr).lines().count()), (Some(1), 1));
    let wrong = run(&[path(folder.path()), "--frames", "9-2"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(words(&wrong.stderr).contains("1-600"));
}
