//! The functions that fuzzers call, without a fuzzer: each over its corpus and the same few thousand changes of it.

use std::path::Path;
use std::time::{Duration, Instant};

use retort_tests::fuzz::{Mutations, TARGETS, Target, corpus, make_corpora};

/// What all changes of one target may take; what is left undone by then is said.
const WHOLE: Duration = Duration::from_millis(1500);
/// The environment variable that gives each target so many seconds instead, and as many changes as fit.
const SECONDS: &str = "RETORT_FUZZ_SECONDS";
/// Changes of a target's corpus.
const CHANGES: usize = 2000;
/// What a single input may take, on a slow machine under load.
const LONGEST: Duration = Duration::from_secs(20);

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

fn timed(target: &Target, bytes: &[u8]) {
    let began = Instant::now();
    (target.run)(bytes);
    let took = began.elapsed();
    assert!(took < LONGEST, "{}: an input of {} bytes took {took:?}", target.name, bytes.len());
}

fn survives(name: &str, more: &[Vec<u8>]) {
    retort::guard::silence_guarded_panics();
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let mut inputs = files(&corpus(name));
    assert!(inputs.len() >= 3, "{name}: a corpus of {} files", inputs.len());
    inputs.extend_from_slice(more);
    inputs.iter().for_each(|bytes| timed(target, bytes));
    let seconds = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok());
    let (whole, changes) = seconds.map_or((WHOLE, CHANGES), |seconds| (Duration::from_secs(seconds), usize::MAX));
    let (began, mut done) = (Instant::now(), 0);
    for bytes in Mutations::new(&inputs).take(changes) {
        if began.elapsed() > whole {
            break;
        }
        timed(target, &bytes);
        done += 1;
    }
    println!("{name}: {} inputs and {done} changes", inputs.len());
    assert!(done > 50, "{name}: only {done} changes in {whole:?}");
}

#[test]
fn onnx_import() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let cases = std::fs::read_dir(golden).expect("golden/");
    let models: Vec<_> = cases.filter_map(|case| std::fs::read(case.ok()?.path().join("model.onnx")).ok()).collect();
    assert!(models.len() > 10);
    survives("onnx_import", &models);
}

#[test]
fn plan_check() {
    survives("plan_check", &[]);
}

#[test]
fn picture() {
    survives("picture", &[]);
}

#[test]
fn labels() {
    survives("labels", &[]);
}

#[test]
fn recipe() {
    survives("recipe", &[]);
}

#[test]
fn contract() {
    survives("contract", &[]);
}

#[test]
fn service() {
    survives("service", &[]);
}

/// `cargo test -p retort-tests --test fuzz -- --ignored` writes the corpora anew, after a format has changed.
#[test]
#[ignore = "writes into the repository"]
fn corpora_are_made() {
    make_corpora().expect("the corpora");
}
