//! The teacher of an experiment: trained or opened, and asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ExperimentError;
use super::experiment::{network, prepare, provenance};
use super::lessons::Signals;
use super::live::Live;
use super::measure::{Figures, truths};
use super::pictures::{Pictures, Set, kept};
use super::trainings::{Bench, Task};
use crate::bindings::{Binding, Inside, Kind, Loss, Tie};
use crate::data::Label;
use crate::evaluate::coco::from_edges;
use crate::evaluate::{Found, Judged, summarise};
use crate::export::{Description, float_model};
use crate::limits::read_model;
use crate::losses::pseudo_labels;
use crate::nets::{Answer, Folded, Network};
use crate::recipe::Recipe;
use crate::report::{Bars, RunFolder};
use crate::teacher::{
    Cache, Calibration, Opinion, OwnTeacher, Tapped, Teacher, TeacherError, Told, calibrate, taps_of,
};
use crate::train::Place;

/// Where the teacher's answers are kept.
pub(super) const ANSWERS: &str = "answers";

/// Lets the teacher answer one shard of all that it will be asked.
pub fn label(
    recipe: &Recipe,
    folder: &RunFolder,
    bars: &Bars,
    place: Place,
    shard: [usize; 2],
) -> Result<(), ExperimentError> {
    let pictures = prepare(recipe, folder, bars, true)?;
    let recipe = &Arc::new(recipe.clone());
    let bench = Bench { recipe, folder, bars, pictures: &pictures, place };
    let student = network(recipe, "student", pictures.classes.len())?;
    let (teacher, _) = teacher(&bench, &student)?;
    for (name, set) in [("labelled", &pictures.labelled), ("transfer", &pictures.transfer)] {
        fill(&bench, &teacher, name, set, shard)?;
    }
    Ok(())
}

/// The teacher, trained if it is not a file, and the one file that it is, if it is one.
fn teacher(bench: &Bench<'_>, student: &Network) -> Result<(Teacher, Option<PathBuf>), ExperimentError> {
    let recipe = bench.recipe;
    if !recipe.teacher.answers.is_empty() {
        let told = Told::open(Path::new(&recipe.teacher.answers), student, &bench.pictures.classes)?;
        return Ok((Teacher::Told(told), None));
    }
    let files: Vec<PathBuf> = recipe.teacher.models.iter().map(PathBuf::from).collect();
    if !files.is_empty() {
        let pictures = bench.pictures;
        let size = [&pictures.transfer, &pictures.labelled].into_iter().find_map(Set::size);
        let teacher = Teacher::open(&files, student, &pictures.classes, size)?;
        return Ok((teacher, None));
    }
    let network = network(recipe, "teacher", bench.pictures.classes.len())?;
    let seed = recipe.data.seed;
    let task = Task {
        name: "teacher",
        seed,
        network: &network,
        optimisation: &recipe.teaching,
        labelled: &bench.pictures.teacher,
        epoch: bench.pictures.teacher.len(),
        signals: None,
    };
    let weights = match bench.known_teacher(&network)? {
        Some(weights) => weights,
        None => bench.train(&task)?,
    };
    let path = bench.folder.file("teacher.onnx");
    let folded = Folded::new(&weights);
    let model = float_model(&folded, "teacher");
    bench.write(
        model,
        &network,
        Description { provenance: provenance(bench, None), ..Description::default() },
        &path,
    )?;
    Ok((Teacher::Own(Box::new(OwnTeacher::open(&path, &folded)?)), Some(path)))
}

/// The teacher, to be shared, and its figures, if it is one that was trained.
///
/// # Errors
/// Those of its training, and of measuring it.
pub(super) fn measured_teacher(
    bench: &Bench<'_>,
    student: &Network,
) -> Result<(Arc<Teacher>, Option<Figures>), ExperimentError> {
    let (teacher, file) = teacher(bench, student)?;
    let figures = match file {
        Some(file) => Some(bench.measured("teacher", bench.recipe.data.seed, "f32", &file)?),
        None if matches!(teacher, Teacher::Files(_)) && !bench.pictures.unjudged && bench.recipe.detects() => {
            Some(measured_files(bench, &teacher)?)
        }
        None => None,
    };
    Ok((Arc::new(teacher), figures))
}

/// The figures of files that teach together, from what they say about the pictures to measure on.
fn measured_files(bench: &Bench<'_>, teacher: &Teacher) -> Result<Figures, ExperimentError> {
    let test = &bench.pictures.test;
    let answers = fill(bench, teacher, "test", test, [0, 1])?.load().unwrap_or_default();
    let judged = answers.into_iter().enumerate().filter_map(|(index, opinion)| {
        let (Opinion::Boxes(found), Ok(sample)) = (opinion, test.load(index)) else { return None };
        let original = test.original_size(index);
        let found = found.iter().map(|label| Found {
            class: label.class,
            score: f64::from(label.score),
            bbox: from_edges(kept(label.bounds, original, &sample)),
        });
        Some(Judged { found: found.collect(), truths: truths(&sample) })
    });
    let judged: Vec<Judged> = judged.collect();
    Ok(Figures::Detector(summarise(&judged, bench.pictures.classes.len())))
}

/// Gives the teacher's boxes to pictures without labels that students are chosen or measured by.
///
/// # Errors
/// As [`judged`].
pub(super) fn judge(
    recipe: &Arc<Recipe>,
    folder: &RunFolder,
    bars: &Bars,
    pictures: &mut Pictures,
    place: Place,
) -> Result<(), ExperimentError> {
    if pictures.unjudged {
        let bench = Bench { recipe, folder, bars, pictures: &*pictures, place };
        pictures.test = judged(&bench, "test", &pictures.test)?;
    }
    if pictures.labelled.is_empty() && !pictures.validation.is_empty() && recipe.data.validation.is_empty() {
        let bench = Bench { recipe, folder, bars, pictures: &*pictures, place };
        pictures.validation = judged(&bench, "validation", &pictures.validation)?;
    }
    Ok(())
}

/// Pictures with the boxes of the teacher, for want of others: those that it is sure of, and those that are to be ignored.
///
/// # Errors
/// Those of the teacher; of a teacher that says nothing but about pictures to learn from, too.
pub(super) fn judged(bench: &Bench<'_>, name: &str, set: &Set) -> Result<Set, ExperimentError> {
    let student = network(bench.recipe, "student", bench.pictures.classes.len())?;
    let (teacher, _) = teacher(bench, &student)?;
    let mut opinions = match &teacher {
        Teacher::Told(told) => told.about(set.names())?,
        _ => fill(bench, &teacher, name, set, [0, 1])?.load().unwrap_or_default(),
    };
    persist(&mut opinions, set, bench.recipe);
    let boxes = opinions.into_iter().map(|opinion| sure(&opinion, bench.recipe));
    Ok(set.relabelled(boxes.collect()))
}

/// Lets what persists along a film say from which score on boxes are objects, if the recipe wants that: those are at least as
/// sure as the recipe asks for then, and the others are gone.
fn persist(opinions: &mut [Opinion], set: &Set, recipe: &Recipe) -> Option<Calibration> {
    let frames = set.frames().filter(|_| recipe.distil.tracks)?;
    let boxes = |opinion: &Opinion| if let Opinion::Boxes(found) = opinion { Some(found.clone()) } else { None };
    let pictures: Vec<Vec<Label>> = opinions.iter().map(boxes).collect::<Option<_>>()?;
    let calibration = calibrate(&frames, &pictures, recipe.distil.score)?;
    for opinion in opinions {
        let Opinion::Boxes(found) = opinion else { continue };
        found.retain(|label| label.ignored || label.score >= calibration.trusted);
        found.iter_mut().for_each(|label| label.score = label.score.max(recipe.distil.score));
    }
    Some(calibration)
}

/// Refuses a teacher whose boxes are all that there is to learn from, and who is sure of none.
fn check_voice(opinions: &[Opinion], bench: &Bench<'_>) -> Result<(), ExperimentError> {
    let (mut boxes, mut surest) = (false, 0f32);
    for opinion in opinions {
        let Opinion::Boxes(found) = opinion else { return Ok(()) };
        boxes = true;
        surest = found.iter().fold(surest, |surest, label| surest.max(label.score));
    }
    let least = bench.recipe.distil.score;
    if !boxes || surest >= least || !bench.pictures.labelled.is_empty() {
        return Ok(());
    }
    let classes = bench.pictures.classes.join(", ");
    Err(ExperimentError::Mute { pictures: opinions.len(), classes, surest, least })
}

/// The raw answers among opinions; a teacher who gives boxes has none.
fn answers(opinions: Vec<Opinion>) -> Vec<Answer> {
    opinions.into_iter().filter_map(Opinion::answer).collect()
}

/// The boxes that a teacher is sure of, and those to be ignored.
fn sure(opinion: &Opinion, recipe: &Recipe) -> Vec<Label> {
    let Opinion::Boxes(found) = opinion else { return Vec::new() };
    // The recipe was checked, so the band is one.
    let labels = pseudo_labels(found, recipe.distil.band()).unwrap_or_default();
    labels.positive.into_iter().chain(labels.ignored).collect()
}

/// All that a student hears of a teacher: answers about its pictures, computed now and kept, and a teacher to ask in every
/// step where the recipe wants that or a binding looks inside.
///
/// # Errors
/// Those of the teacher, and a [`TieError`](crate::bindings::TieError) where a binding does not fit.
pub(super) fn hear(bench: &Bench<'_>, teacher: Arc<Teacher>, student: &Network) -> Result<Signals, ExperimentError> {
    let (pictures, distil) = (bench.pictures, &bench.recipe.distil);
    let looks = |binding: &Binding| matches!(binding.loss.kind(), Kind::Maps | Kind::Relations);
    let inside = teacher.inside().filter(|_| distil.bindings.iter().any(looks));
    let mut known = Vec::new();
    let mut file = Vec::new();
    if let Some((path, _)) = inside {
        let io = |source| TeacherError::Io { path: path.to_owned(), source };
        file = read_model(path).map_err(io)?;
        known = taps_of(&file);
    }
    let bound: Vec<Binding> = distil.bindings.iter().flat_map(|binding| binding.spread(student)).collect();
    let inner = Inside { taps: &known, heads: teacher.heads() };
    let tie = |(place, binding)| Tie::new(place, binding, student, inner);
    let mut ties: Vec<Tie> = bound.iter().enumerate().map(tie).collect::<Result<_, _>>()?;
    let mut names: Vec<String> = Vec::new();
    for tie in &mut ties {
        let Some(name) = tie.tap().map(|tap| tap.name.clone()) else { continue };
        let place = names.iter().position(|known| *known == name).unwrap_or(names.len());
        if place == names.len() {
            names.push(name);
        }
        tie.found_at(place);
    }
    for tie in &ties {
        bench.bars.say(&tie.words(student));
    }
    let alike = matches!(*teacher, Teacher::Own(_)) && bench.recipe.teacher.network.block == bench.recipe.student.block;
    if let Some(tie) = ties.iter().find(|tie| !alike && matches!(tie.binding.loss, Loss::Fitnet | Loss::At)) {
        bench.bars.say(&format!(
            "Careful: {} between networks of different make has been worse than no teacher at all (from VGG-13 to \
             MobileNetV2 on CIFAR-100; Tian et al. 2020, table 2); pkd and the answers are the safer choice.",
            tie.binding.loss.name()
        ));
    }
    let tapped = match inside {
        Some((path, image)) if !names.is_empty() => Some(Tapped::open(&file, path, image, &names)?),
        _ => None,
    };
    // A file's boxes stand in for labels, which must be there before the first step.
    let speaks_live = matches!(*teacher, Teacher::Own(_)) || student.levels().is_empty();
    let wanted = distil.weighs_answers()
        || distil.bindings.iter().any(|binding| matches!(binding.loss.kind(), Kind::Answers | Kind::Heads));
    let asked = wanted && (distil.live || tapped.is_some()) && speaks_live;
    let mut signals = Signals { ties, ..Signals::default() };
    if wanted && !asked {
        let load = |name, set: &Set| -> Result<_, ExperimentError> {
            if let Teacher::Told(told) = &*teacher {
                return Ok(told.about(set.names())?);
            }
            Ok(fill(bench, &teacher, name, set, [0, 1])?.load().unwrap_or_default())
        };
        signals.labelled = answers(load("labelled", &pictures.labelled)?);
        let mut opinions = load("transfer", &pictures.transfer)?;
        check_voice(&opinions, bench)?;
        let calibration = persist(&mut opinions, &pictures.transfer, bench.recipe);
        if let Some(calibration) = calibration {
            bench.bars.say(&format!(
                "What persists: {} tracks; boxes are taken for objects from score {:.2} on.",
                calibration.tracks, calibration.trusted
            ));
            bench.folder.write("calibration.txt", calibration.table())?;
            bench.folder.write("calibration.json", serde_json::to_string_pretty(&calibration).unwrap_or_default())?;
        }
        if opinions.iter().any(|opinion| matches!(opinion, Opinion::Boxes(_))) {
            signals.boxes = opinions.iter().map(|opinion| sure(opinion, bench.recipe)).collect();
        }
        signals.transfer = answers(opinions);
    }
    if asked || tapped.is_some() {
        signals.live = Some(Arc::new(Live { teacher: asked.then_some(teacher), tapped }));
    }
    Ok(signals)
}

fn fill(
    bench: &Bench<'_>,
    teacher: &Teacher,
    name: &str,
    set: &Set,
    shard: [usize; 2],
) -> Result<Cache, ExperimentError> {
    let recipe = bench.recipe;
    let views = recipe.distil.views.max(1);
    let mut key = crc32fast::Hasher::new();
    key.update(&teacher.crc32().to_le_bytes());
    key.update(&set.crc32().to_le_bytes());
    // A file sees pictures as they are, whatever the student's size; all else goes by the student's view.
    let as_they_are = matches!(teacher, Teacher::Files(_)) && recipe.distil.views == 0;
    if !as_they_are {
        key.update(recipe.view_key().as_bytes());
    }
    let cache = Cache::new(&bench.folder.file(ANSWERS), key.finalize(), set.len() * views);
    if !set.is_empty() {
        let bar = bench.bars.start(format!("asking the teacher, {name}"), set.len() * views);
        let view = |index: usize| {
            let (picture, view) = (index / views, index % views);
            if as_they_are { set.original(picture).ok() } else { set.view(recipe, picture, view).ok() }
        };
        cache.fill(teacher, view, shard, set.is_film(), &|count| bar.advance(count))?;
        bar.finish("");
    }
    Ok(cache)
}
