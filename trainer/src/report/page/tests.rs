use roxmltree::{Document, ParsingOptions};

use super::*;
use crate::audit::{Audit, Inheritance, Mistake, Pair, Quality};
use crate::distil::{Arm, Assisting, Budget, Contender, Figures, Member, Results, Student, Verdict};
use crate::evaluate::{Classification, Cost, Found, Judged, Probabilities, Truth, summarise};
use crate::report::{COMPARISON, Compared, Comparison, Fate, Hard, Marked, PrecisionCurve};

const HOSTILE: [&str; 2] = ["</style><script>alert('x')</script>", "a & b \"<\u{7}\u{ffff}"];

fn classes() -> Vec<String> {
    HOSTILE.map(str::to_owned).to_vec()
}

fn json(folder: &RunFolder, name: &str, value: &impl serde::Serialize) {
    folder.write(name, serde_json::to_string(value).expect("JSON")).expect("written");
}

/// A folder with everything that a page can hold, of a detector or of a classifier.
fn run(folder: &RunFolder, detects: bool) {
    let bbox = [1.0, 1.0, 20.0, 20.0];
    let picture = Judged {
        found: vec![Found { class: 0, score: 0.9, bbox }],
        truths: vec![Truth::new(0, bbox), Truth::new(1, [30.0, 30.0, 8.0, 8.0])],
    };
    let pictures = vec![picture; 30];
    let qualities: Vec<Quality> =
        (0..30).map(|i| Quality { brightness: f64::from(i) / 30.0, sharpness: f64::from(i * i) }).collect();
    let truths: Vec<usize> = (0..30).map(|i| i % 2).collect();
    let answers = Probabilities { classes: 2, rows: [0.75, 0.25].repeat(30) };
    let (figures, audit) = if detects {
        (Figures::Detector(summarise(&pictures, 2)), Audit::of_detector(&pictures, &qualities, 0.5, &classes()))
    } else {
        let c = Classification::new(&answers, &truths);
        (Figures::Classifier(c), Audit::of_classifier(&answers, &truths, &qualities, &classes()))
    };
    let student = |arm, seed| Student { arm, seed, float: figures.clone(), int8: figures.clone(), repair: None };
    let results = Results {
        standing: None,
        changes: Vec::new(),
        assistants: Default::default(),
        assistance: None,
        teacher: Some(figures.clone()),
        students: vec![student(Arm::Distilled, 1), student(Arm::Control, 1)],
        verdict: Some(Verdict::new("AP <int8>", &[40.0, 41.0], &[30.0, 31.0])),
        int8_loss: 0.25,
        classes: classes(),
    };
    json(folder, "results.json", &results);
    json(folder, AUDIT, &audit);
    let mistakes: Vec<Mistake> =
        (0..9).map(|picture| Mistake { picture, pair: Pair { truth: Some(1), answer: None } }).collect();
    json(folder, INHERITANCE, &Inheritance::new(&mistakes, &[vec![true; 9]], &[vec![false; 9]], &classes()));
    let mark = |fate, score, bbox| vec![Marked { class: 1, score, bbox, fate }];
    let hard = Hard {
        file: "hardest-1.png".into(),
        size: [64, 48],
        truth: mark(Fate::True, None, detects.then_some(bbox)),
        teacher: Some(mark(Fate::Right, Some(0.5), detects.then_some(bbox))),
        student: mark(Fate::Missed, None, detects.then_some(bbox)),
    };
    let network = Compared {
        network: "student".into(),
        format: "int8".into(),
        file: "student.onnx".into(),
        bytes: 12_345,
        parameters: Some(1234),
        cost: Cost { macs: 7, predicted_ms: [("zero2w".to_owned(), 1.5)].into(), ..Cost::default() },
        latency: None,
    };
    let curve = PrecisionCurve { network: "teacher".into(), precision: vec![1.0; 101] };
    let curves = if detects { vec![curve] } else { Vec::new() };
    json(folder, COMPARISON, &Comparison { networks: vec![network], curves, hardest: vec![hard] });
    image::RgbImage::new(4, 3).save(folder.file("hardest-1.png")).expect("written");
    folder.write("recipe.toml", "name = \"<tiny> & \\\"quoted\\\"\"\n# </pre>\n").expect("written");
    folder.write("environment.json", r#"{"processor": "a <fast> one"}"#).expect("written");
    folder.write("verdict.txt", "as above").expect("written");
    let table =
        "network,seed,step,loss,gradient_norm,rate,validation\nteacher,7,0,2.5,1,0.1,\ndistilled,1,0,3.5,1,0.1,0.5\n";
    folder.write("training.csv", table).expect("written");
}

/// Reads the page as XML and looks for anything that would leave it.
fn check(page: &str) -> Vec<String> {
    assert!(!page.contains("http"), "an address of the network");
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(page, options).expect("well-formed");
    let mut ids = Vec::new();
    for node in document.descendants() {
        assert!(!matches!(node.tag_name().name(), "script" | "link" | "iframe" | "object"), "{node:?}");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on"), "{name}");
            match name {
                "src" => assert!(value.starts_with("data:image/png;base64,"), "{value}"),
                "href" => assert!(value.starts_with('#') || value.starts_with("data:image/png;base64,"), "{value}"),
                "id" => ids.push(value.to_owned()),
                _ => {}
            }
        }
    }
    for node in document.descendants() {
        if let Some(target) = node.attribute("href").and_then(|href| href.strip_prefix('#')) {
            assert!(ids.iter().any(|id| id == target), "#{target} leads nowhere");
        }
    }
    ids
}

#[test]
fn a_page_is_well_formed_and_needs_nothing_else_whatever_classes_are_called() {
    for detects in [true, false] {
        let place = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::create(place.path()).expect("made");
        run(&folder, detects);
        assert_eq!(write_page(&folder).expect("a page"), Vec::<String>::new());
        let page = folder.read(PAGE).expect("written");
        let ids = check(&page);
        for section in ["figures", "costs", "training", "answers", "hardest", "audit", "inheritance", "record"] {
            assert!(ids.iter().any(|id| id == section), "{section} is missing");
        }
        assert!(!ids.iter().any(|id| id == "coverage"));
        for expected in
            ["Distillation gains 10.0", "&lt;tiny&gt; &amp; &quot;quoted&quot;", "12.3 kB", "a &lt;fast&gt; one"]
        {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
        folder.write("coverage.json", "{}").expect("written");
        write_page(&folder).expect("a page");
        assert!(check(&folder.read(PAGE).expect("written")).iter().any(|id| id == "coverage"));
    }
}

#[test]
fn an_assistant_has_a_line_and_so_have_students_without_it() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(place.path()).expect("made");
    run(&folder, true);
    write_page(&folder).expect("a page");
    assert!(!folder.read(PAGE).expect("written").contains("without assistant"));
    let mut results: Results = serde_json::from_str(&folder.read("results.json").expect("there")).expect("results");
    results.students.push(Student { arm: Arm::Direct, ..results.students[0].clone() });
    let figures = results.students[0].float.clone();
    results.assistants.chain.push(Assisting { scale: 2.5, macs: 70, figures });
    results.assistance = Some(Verdict::of("The assistant", "AP", &[40.0, 41.0], &[36.0, 37.0]));
    json(&folder, "results.json", &results);
    write_page(&folder).expect("a page");
    let page = folder.read(PAGE).expect("written");
    check(&page);
    for expected in ["assistant of 2.5 times the width, f32", "without assistant, int8", "The assistant gains 4.0"] {
        assert!(page.contains(expected), "{expected}");
    }
}

fn students(arm: Arm, shares: &[usize]) -> Vec<Student> {
    let of = |(seed, right): (usize, &usize)| {
        let truths: Vec<usize> = (0..100).map(|picture| usize::from(picture >= *right)).collect();
        let answers = Probabilities { classes: 2, rows: [0.75, 0.25].repeat(100) };
        let figures = Figures::Classifier(Classification::new(&answers, &truths));
        Student { arm, seed: seed as u64, float: figures.clone(), int8: figures, repair: None }
    };
    shares.iter().enumerate().map(of).collect()
}

#[test]
fn a_comparison_says_who_gains_who_harms_and_who_does_not_fit() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(place.path()).expect("made");
    run(&folder, true);
    let control = [50, 51, 49];
    let compared = |loss: &str, shares: &[usize]| {
        let students = students(Arm::Distilled, shares);
        let figures = |values: &[usize]| values.iter().map(|&value| value as f64).collect::<Vec<_>>();
        let verdict = Some(Verdict::new("accuracy", &figures(shares), &figures(&control)));
        crate::distil::Compared { loss: Contender::of(loss).expect("a loss"), students, verdict, refused: None }
    };
    let refused = crate::distil::Compared {
        students: Vec::new(),
        verdict: None,
        refused: Some("a <reason>".into()),
        ..compared("at", &control)
    };
    let losses =
        vec![compared("pkd", &[50, 52, 48]), refused, compared("sp", &[40, 41, 39]), compared("kd", &[60, 61, 60])];
    let teacher = students(Arm::Control, &[75]).pop().map(|student| student.float);
    let control = students(Arm::Control, &control);
    let mut of = crate::distil::Comparison { teacher, control, losses };
    write_results(&folder, LOSSES, &of).expect("written");
    assert!(folder.read(RESULTS).is_none(), "the page is about one study");
    assert_eq!(write_page(&folder).expect("a page"), Vec::<String>::new());
    let page = folder.read(PAGE).expect("written");
    assert_eq!(check(&page), ["gains", "refused", "record"]);
    let words = "1 of 3 losses gain beyond the noise of 3 seeds: kd. Harm is done by sp.";
    for expected in [words, "a &lt;reason&gt;", "75.0", "+10.3", ">inside the noise<", ">harms<", "&lt;tiny&gt;"] {
        assert!(page.contains(expected), "{expected}");
    }
    let places = ["kd", "pkd", "sp"].map(|loss| page.find(&format!(">{loss}</td>")).expect("a line"));
    assert!(places.is_sorted(), "from the best to the worst: {places:?}");
    of.losses.retain(|compared| compared.refused.is_some());
    write_results(&folder, LOSSES, &of).expect("written");
    write_page(&folder).expect("a page");
    let page = folder.read(PAGE).expect("written");
    assert_eq!(check(&page), ["refused", "record"]);
    assert!(page.contains("None of the losses fits"));
    folder.write(LOSSES, r#"{"teacher": null, "control": [], "losses": [{"loss": "no such"}]}"#).expect("written");
    assert!(write_page(&folder).expect_err("no loss").to_string().contains("no loss `no such`"));
}

#[test]
fn a_family_shows_what_each_budget_buys() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(place.path()).expect("made");
    run(&folder, false);
    let member = |scale: f32, ms: f64, shares: &[usize], control: &[usize], on_front: bool| {
        let mut all = students(Arm::Distilled, shares);
        all.extend(students(Arm::Control, control));
        let budget = if on_front { Budget::Milliseconds("pi4".into(), ms) } else { Budget::Macs(1_000_000) };
        let cost = Cost { predicted_ms: [("pi4".to_owned(), ms)].into(), ..Cost::default() };
        Member { budget, scale, parameters: 12_345, cost, students: all, on_front }
    };
    let members = vec![
        member(2.0, 4.0, &[80, 82], &[70, 72], true),
        member(1.0, 2.0, &[60, 62], &[50, 52], false),
        member(0.5, 1.0, &[65, 67], &[], true),
    ];
    let family = Family { teacher: None, board: "pi4".into(), unjudged: true, members };
    write_results(&folder, FAMILY, &family).expect("written");
    write_page(&folder).expect("a page");
    let page = folder.read(PAGE).expect("written");
    assert_eq!(check(&page), ["front", "members", "record"]);
    let words = "2 of 3 students are worth their time on a Raspberry Pi 4";
    for expected in [words, "4 ms on pi4", "1 MMAC", "+10.0 ± 0.0", ">beaten<", "12\u{202f}345", "fastest", "own boxes"]
    {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn what_is_missing_is_named_and_the_rest_is_shown() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(place.path()).expect("made");
    assert!(matches!(write_page(&folder), Err(PageError::NoRun { .. })));
    run(&folder, true);
    for name in [AUDIT, "training.csv", "hardest-1.png"] {
        folder.remove(name).expect("removed");
    }
    assert_eq!(write_page(&folder).expect("a page"), ["training.csv", AUDIT, "hardest-1.png"]);
    let page = folder.read(PAGE).expect("written");
    check(&page);
    assert!(page.contains("for want of training.csv, audit.json, hardest-1.png"));
    folder.write(AUDIT, "{").expect("written");
    let error = write_page(&folder).expect_err("no JSON").to_string();
    assert!(error.contains("audit.json cannot be read"), "{error}");
}

#[test]
fn a_recipe_alone_makes_a_page() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(place.path()).expect("made");
    folder.write("recipe.toml", "name = \"alone\"").expect("written");
    assert!(write_page(&folder).expect("a page").contains(&"results.json".to_owned()));
    check(&folder.read(PAGE).expect("written"));
}
