//! Several students from one teacher: losses compared, sizes compared, and assistants in between, in miniature.

mod tiny;

use std::path::Path;

use retort_trainer::bindings::Loss;
use retort_trainer::distil::{Arm, Budget, Contender, Options, compare, experiment, family};
use retort_trainer::recipe::Recipe;
use retort_trainer::report::{Bars, PAGE, RunFolder, write_page};
use tiny::recipe;

fn folder(path: &Path) -> RunFolder {
    RunFolder::create(path).expect("made")
}

#[test]
fn losses_are_compared_and_those_that_do_not_fit_say_why() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = folder(place.path());
    let losses = [
        Contender::Binding(Loss::Pkd),
        Contender::Binding(Loss::Kd),
        Contender::Classes,
        Contender::Boxes,
        Contender::Sides,
    ];
    let comparison = compare(&recipe(&[]), &losses, &folder, &Bars::default(), Options::default()).expect("compared");
    assert_eq!(comparison.control.len(), 2);
    let [pkd, kd, classes, boxes, sides] = &comparison.losses[..] else { panic!("five losses") };
    assert_eq!(pkd.students.len(), 2);
    assert!(pkd.verdict.is_some() && pkd.refused.is_none());
    assert!(kd.refused.as_ref().is_some_and(|reason| reason.contains("distil.classes")));
    assert!(classes.verdict.is_some() && boxes.verdict.is_some());
    assert!(sides.refused.as_ref().is_some_and(|reason| reason.contains("distil.sides is 0")));
    let table = folder.read("losses.md").expect("written");
    assert!(table.contains("| pkd |") && table.contains("| kd |") && table.contains("labels alone"), "{table}");
    let page = folder.read(PAGE).expect("written");
    assert!(page.contains("What each loss gains") && page.contains("distil.sides is 0"), "{page}");
    folder.remove(PAGE).expect("removed");
    assert_eq!(write_page(&folder).expect("made again"), Vec::<String>::new());
    assert_eq!(folder.read(PAGE), Some(page));
}

#[test]
fn a_family_has_a_student_for_each_budget() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = folder(place.path());
    let budgets = [Budget::Macs(1_500_000), Budget::Macs(400_000), Budget::Bytes(12_000)];
    let recipe = recipe(&["student.widths=[16, 16, 32, 32, 32]", "seeds=[1]"]);
    let family = family(&recipe, &budgets, "pi4", &folder, &Bars::default(), Options::default()).expect("taught");
    assert!(family.members.len() >= 2, "{:?}", family.members.iter().map(|m| m.scale).collect::<Vec<_>>());
    for pair in family.members.windows(2) {
        assert!(pair[0].cost.macs > pair[1].cost.macs, "from the dearest to the cheapest");
    }
    assert!(family.members.iter().any(|member| member.on_front));
    assert!(folder.file("family.png").is_file() && folder.read("family.md").is_some());
    let page = folder.read(PAGE).expect("written");
    assert!(page.contains("What each budget buys") && page.contains("Raspberry Pi 4"), "{page}");
    folder.remove(PAGE).expect("removed");
    write_page(&folder).expect("made again");
    assert_eq!(folder.read(PAGE), Some(page));
}

#[test]
fn assistants_stand_in_between_and_are_judged() {
    let place = tempfile::tempdir().expect("a folder");
    let run = |name: &str, changes: &[&str]| {
        let folder = folder(&place.path().join(name));
        experiment(&recipe(changes), &folder, &Bars::default(), Options::default()).expect("it runs")
    };
    let chain = run("chain", &["distil.assistant=chain", "distil.assistants=[2.0]"]);
    assert_eq!(chain.assistants.chain.len(), 1);
    assert!(chain.assistance.is_some());
    for arm in [Arm::Distilled, Arm::Direct, Arm::Control] {
        assert_eq!(chain.students.iter().filter(|student| student.arm == arm).count(), 2);
    }
    // The teacher computes less than four times as much: nobody is tried.
    let narrow = run("narrow", &["distil.assistant=auto", "teacher.widths=[8, 8, 8, 16, 16]", "teacher.neck=8"]);
    let probe = narrow.assistants.probe.expect("it was decided");
    assert!(!probe.helps && probe.direct.is_empty() && probe.words.contains("no gap"), "{}", probe.words);
    let wide = run("wide", &["distil.assistant=auto", "teacher.widths=[32, 32, 64, 64, 64]"]);
    let probe = wide.assistants.probe.expect("it was tried");
    assert_eq!((probe.direct.len(), probe.assisted.len()), (2, 2));
    assert_eq!(probe.helps, !wide.assistants.chain.is_empty());
    assert!(probe.scale > 1.0 && probe.words.contains("validation"), "{}", probe.words);
    let named =
        run("named", &["distil.assistant=auto", "distil.assistants=[1.5]", "teacher.widths=[32, 32, 64, 64, 64]"]);
    assert_eq!(named.assistants.probe.expect("it was tried").scale, 1.5);
}

#[test]
fn sides_that_are_distributions_are_learned_from_a_teacher_of_the_same() {
    let place = tempfile::tempdir().expect("a folder");
    let changes = ["teacher.reg_max=4", "student.reg_max=4", "distil.sides=0.05", "seeds=[1]", "learning.steps=3"];
    let results = experiment(&recipe(&changes), &folder(place.path()), &Bars::default(), Options::default());
    assert_eq!(results.expect("taught").students.len(), 2);
    let other = Recipe::resolve(None, &["student.reg_max=4".to_owned(), "distil.sides=1.0".to_owned()]);
    assert!(format!("{:#}", anyhow::Error::from(other.expect_err("other bins"))).contains("distil.sides"));
}
