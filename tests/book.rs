//! The book in `runtime/book`: its commands run and print what it shows, its flags and keys exist, its links lead somewhere.
//!
//! | fence | what is done with it |
//! |---|---|
//! | `console` | its commands run in order, in a folder for each chapter; exit status 0, and the lines shown come |
//! | `console,fails` | the same, with exit status 1 |
//! | `console,board` | needs a board, a camera or a network: `retort` and `retort-train` accept the arguments |
//! | `toml,service` | is a configuration of `retort run-service`; a third word is the file it is put in |
//! | `rust,FILE` | stands in that file of the repository, which is compiled and tested |

#[path = "book/markdown.rs"]
mod markdown;
#[path = "book/sink.rs"]
mod sink;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use markdown::{Block, Step, blocks, compare, links, programs, steps};
use retort::service::{Config, Service};
use retort::source::Stop;
use retort_tests::data::repository;
use retort_tests::program::build;
use tempfile::TempDir;

fn book() -> PathBuf {
    repository().join("runtime/book/src")
}

/// The chapters: file names and texts.
fn chapters() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(book())
        .expect("the book")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let read = |path: PathBuf| (name(&path), std::fs::read_to_string(&path).expect("a chapter"));
    files.into_iter().map(read).collect()
}

/// A folder in which a chapter's commands run, with the models of the repository.
struct Room {
    folder: TempDir,
    path: String,
}

impl Room {
    fn new(programs: &[PathBuf]) -> Room {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(repository().join("models"), folder.path().join("models")).expect("a link");
        let folders: Vec<String> =
            programs.iter().filter_map(|program| program.parent()).map(|path| path.display().to_string()).collect();
        let path = format!("{}:{}", folders.join(":"), std::env::var("PATH").unwrap_or_default());
        Room { folder, path }
    }

    /// Runs a command as a shell would, and compares what it prints.
    fn run(&self, step: &Step, status: i32) -> Result<(), String> {
        let script = format!("{{ {}\n}} 2>&1", step.command);
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(self.folder.path()).env("PATH", &self.path);
        let run = shell.output().map_err(|error| error.to_string())?;
        let printed = String::from_utf8_lossy(&run.stdout);
        if run.status.code() != Some(status) {
            return Err(format!("$ {}\nended with {}, not {status}:\n{printed}", step.command, run.status));
        }
        compare(&step.shown, &printed).map_err(|differs| format!("$ {}\n{differs}", step.command))
    }

    /// Does with a block what its fence asks for.
    fn take(&self, block: &Block) -> Result<(), String> {
        if block.is("toml") && block.is("service") {
            Config::parse(&block.text)?;
            if let Some(file) = block.info.get(2) {
                std::fs::write(self.folder.path().join(file), &block.text).map_err(|error| error.to_string())?;
            }
            return Ok(());
        }
        if !block.is("console") || block.is("board") {
            return Ok(());
        }
        let status = i32::from(block.is("fails"));
        steps(block).iter().try_for_each(|step| self.run(step, status))
    }
}

#[test]
fn every_command_does_what_the_book_shows() {
    let programs = ["retort", "retort-train"].map(build);
    let mut failures = Vec::new();
    for (name, chapter) in chapters() {
        let room = Room::new(&programs);
        for block in blocks(&chapter) {
            if let Err(failure) = room.take(&block) {
                failures.push(format!("{name}:{}: {failure}", block.line));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Requires that the programs accept the arguments in a line; true where one of them is in it.
fn accepted(line: &str) -> Result<bool, String> {
    let mut any = false;
    for program in programs(line) {
        let command = match program[0].as_str() {
            "retort" => retort::cli::command(),
            "retort-train" => retort_trainer::cli::command(),
            _ => continue,
        };
        any = true;
        command.try_get_matches_from(&program).map_err(|error| format!("{line}\n{error}"))?;
    }
    Ok(any)
}

#[test]
fn what_needs_a_board_is_accepted_as_it_is_written() {
    let mut count = 0;
    for (name, chapter) in chapters() {
        for block in blocks(&chapter).iter().filter(|block| block.is("board")) {
            for step in steps(block) {
                match accepted(&step.command) {
                    Ok(any) => count += usize::from(any),
                    Err(error) => panic!("{name}:{}: {error}", block.line),
                }
            }
        }
    }
    assert!(count >= 10, "only {count} commands");
}

#[test]
fn code_in_the_book_is_code_that_is_compiled() {
    for (name, chapter) in chapters() {
        for block in blocks(&chapter).iter().filter(|block| block.is("rust")) {
            let file = block.info.get(1).unwrap_or_else(|| panic!("{name}:{}: names no file", block.line));
            let code =
                std::fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(code.contains(&block.text), "{name}:{}: does not stand in {file}", block.line);
        }
    }
}

#[test]
fn links_lead_to_files() {
    let summary = links(&std::fs::read_to_string(book().join("SUMMARY.md")).expect("a summary"));
    for (name, chapter) in chapters() {
        assert!(name == "SUMMARY.md" || summary.contains(&name), "{name} is not in SUMMARY.md");
        for link in links(&chapter).iter().filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(book().join(file).exists(), "{name}: {link} leads nowhere");
        }
    }
}

/// The keys of a table of the configuration, as the parser says them when it is given another one.
fn known_keys(table: &str) -> BTreeSet<String> {
    let least = "source = \"-\"\n";
    let model = "[model]\nfile = \"m\"\n";
    let text = match table {
        "" => format!("zzz = 1\n{least}{model}"),
        "model" => format!("{least}{model}zzz = 1\n"),
        "zone" | "line" | "mask" | "to.webhook" => format!("{least}{model}[[{table}]]\nzzz = 1\n"),
        _ => format!("{least}{model}[{table}]\nzzz = 1\n"),
    };
    let said = Config::parse(&text).expect_err("an unknown key");
    let (_, expected) = said.split_once("expected").unwrap_or_else(|| panic!("{table}: {said}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_tables_of_keys_are_the_parsers() {
    let chapter = std::fs::read_to_string(book().join("watch.md")).expect("a chapter");
    let section = chapter.split("\n## ").find(|section| section.starts_with("Every key")).expect("the section");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split_once('`'));
    let keys: BTreeSet<&str> = rows.map(|(key, _)| key).collect();
    let tables = [
        "",
        "model",
        "camera",
        "zone",
        "line",
        "mask",
        "to",
        "to.json",
        "to.page",
        "to.snapshots",
        "to.clips",
        "to.mqtt",
        "to.webhook",
        "governor",
        "watchdog",
    ];
    for table in tables {
        let below = |key: &&str| {
            match table {
                "" => Some(*key),
                _ => key.strip_prefix(table)?.strip_prefix('.'),
            }
            .map(|rest| rest.split('.').next().unwrap_or_default().to_owned())
        };
        let documented: BTreeSet<String> = keys.iter().filter_map(below).collect();
        assert_eq!(documented, known_keys(table), "[{table}]");
    }
}

#[test]
fn a_wrong_output_a_wrong_status_and_a_wrong_flag_are_noticed() {
    let room = Room::new(&[]);
    let block = |info: &str, text: &str| blocks(&format!("```{info}\n{text}\n```\n")).remove(0);
    let take = |info: &str, text: &str| room.take(&block(info, text));
    assert_eq!(take("console", "$ printf 'a 12 ms\\nb\\nc\\n'\na … ms\n…\nc"), Ok(()));
    assert!(take("console", "$ printf 'a 12 s\\n'\na … ms").is_err(), "another line");
    assert!(take("console", "$ printf 'a\\nb\\n'\na").is_err(), "a line too many");
    assert!(take("console", "$ echo a\na\nb").is_err(), "a line too few");
    assert!(take("console", "$ false").is_err() && take("console,fails", "$ true").is_err(), "a status");
    assert!(take("toml,service", "source = 1").is_err(), "a configuration");
    assert_eq!(accepted("sudo retort detect m.onnx camera:0 --json | head"), Ok(true));
    assert!(accepted("cat a | retort detect m.onnx - --jsno").is_err(), "a flag");
    assert!(accepted("retort-train distill --vidoe a").is_err(), "a flag of the other program");
}

/// What the sink of the book wrote.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_sink_of_the_book_works_in_a_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("watch.toml");
    let models = repository().join("models");
    let text = format!(
        "source = {:?}\n[model]\nfile = {:?}\n",
        models.join("samples").display().to_string(),
        models.join("shapes-128.onnx").display().to_string()
    );
    std::fs::write(&file, text).expect("written");
    let paper = Paper::default();
    let mut service = Service::open(&file, Stop::default(), Arc::new(AtomicBool::new(false))).expect("a service");
    service.add_sink("tally", Box::new(sink::Tally::new(paper.clone())));
    service.run(None).expect("it runs");
    let written = String::from_utf8(paper.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("UTF-8");
    assert!(written.lines().next().is_some_and(|line| line.ends_with("shapes-1.png: 4 objects")), "{written}");
}
