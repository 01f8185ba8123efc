//! A recipe in miniature, which whole experiments run in seconds.

use retort_trainer::recipe::Recipe;

/// The recipe of the shapes with little of everything, changed by `key=value` pairs.
pub fn recipe(changes: &[&str]) -> Recipe {
    let tiny = [
        "data.width=64",
        "data.height=64",
        "scenes.teacher=8",
        "scenes.labelled=6",
        "scenes.transfer=8",
        "scenes.validation=3",
        "scenes.test=6",
        "teacher.widths=[8, 8, 16, 16, 16]",
        "teacher.neck=16",
        "student.widths=[8, 8, 8, 16, 16]",
        "student.neck=8",
        "teaching.steps=2",
        "teaching.batch=4",
        "learning.steps=3",
        "learning.batch=4",
        "distil.labelled=2",
        "quantise.pictures=4",
        "seeds=[1, 2]",
    ];
    let all: Vec<String> = tiny.iter().chain(changes).map(|&change| change.to_owned()).collect();
    Recipe::resolve(None, &all).expect("a valid recipe")
}
