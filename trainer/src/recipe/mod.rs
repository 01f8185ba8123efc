//! One TOML file is one experiment: every key has a default, and a key that is unknown or ill-typed is an error that
//! names it.

mod again;
mod bindings;
mod check;
mod coverage;
mod defaults;
mod merge;
mod schema;

use std::path::{Path, PathBuf};

use retort::contract::{Align, Resize};

use crate::data::Target;

pub use again::Again;
pub use coverage::Coverage;
pub use merge::{KeyError, merge, parse_override};
pub use schema::{Assistant, Data, Detection, Distil, Optimisation, Quantise, Recipe, Scenes, Teacher};

/// The grey around letterboxed pictures.
const PAD: u8 = 114;

/// What is carried out where no recipe is named.
const SHAPES_RECIPE: &str = include_str!("../../../models/recipes/shapes.toml");

/// What is carried out where a video is named instead.
pub const CAMERA_RECIPE: &str = include_str!("../../../models/recipes/camera.toml");

/// The source of pictures that are drawn.
pub const SHAPES: &str = "shapes";

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("cannot read the recipe {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{path} is not TOML")]
    Syntax {
        /// The file, or the option.
        path: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A key that does not fit.
    #[error("{origin}")]
    Key {
        /// The file, or the option.
        origin: String,
        /// Which key and why.
        source: KeyError,
    },
}

impl Recipe {
    /// The defaults, changed by a file, changed by `key=value` pairs in order. Without a file, the recipe of the shapes.
    ///
    /// # Errors
    /// A [`RecipeError`] that names the file, and the key.
    pub fn resolve(file: Option<&Path>, overrides: &[String]) -> Result<Recipe, RecipeError> {
        let Some(path) = file else { return Recipe::from_text("the recipe of the shapes", SHAPES_RECIPE, overrides) };
        let text =
            retort::limits::read_text(path).map_err(|source| RecipeError::Io { path: path.to_owned(), source })?;
        Recipe::from_text(&path.display().to_string(), &text, overrides)
    }

    /// The defaults, changed by the text of a recipe, changed by `key=value` pairs in order. `origin` names the text in errors.
    ///
    /// # Errors
    /// As [`Recipe::resolve`].
    pub fn from_text(origin: &str, text: &str, overrides: &[String]) -> Result<Recipe, RecipeError> {
        let defaults = Recipe::default();
        let key = |origin: &str, source| RecipeError::Key { origin: origin.to_owned(), source };
        let mut table = toml::Table::try_from(&defaults).map_err(|error| {
            key("the defaults", KeyError::Invalid { key: "recipe".into(), reason: error.to_string() })
        })?;
        let mut origin = origin.to_owned();
        let given = text
            .parse::<toml::Table>()
            .map_err(|source| RecipeError::Syntax { path: origin.clone(), source: Box::new(source) })?;
        merge(&mut table, given).map_err(|source| key(&origin, source))?;
        for pair in overrides {
            origin = format!("--set {pair}");
            let given = parse_override(pair).map_err(|source| key(&origin, source))?;
            merge(&mut table, given).map_err(|source| key(&origin, source))?;
        }
        bindings::complete(&mut table).map_err(|source| key(&origin, source))?;
        let recipe: Recipe = table.try_into().map_err(|error: toml::de::Error| {
            key(&origin, KeyError::Invalid { key: "recipe".into(), reason: error.message().to_owned() })
        })?;
        recipe.check().map_err(|source| key(&origin, source))?;
        Ok(recipe)
    }

    /// The recipe as TOML, every key spelled out.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// What the student wants of a picture, as its contract says it.
    pub fn target(&self) -> Target {
        let data = &self.data;
        let resize = if data.stretch { Resize::Stretch } else { Resize::Letterbox { pad: PAD, align: Align::Centre } };
        Target { width: data.width, height: data.height, channels: data.channels, resize }
    }

    /// What the student's view of a picture depends on, as text.
    pub fn view_key(&self) -> String {
        let data = &self.data;
        let augment = toml::to_string(&self.augment).unwrap_or_default();
        let size = format!("{}x{}x{} {}", data.width, data.height, data.channels, data.stretch);
        if self.distil.views == 0 { size } else { format!("{size} {} {} {augment}", data.seed, self.distil.views) }
    }

    /// A number that stands for the whole recipe: the CRC-32 of [`Recipe::to_toml`].
    pub fn crc32(&self) -> u32 {
        crc32fast::hash(self.to_toml().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, overrides: &[&str]) -> Result<Recipe, RecipeError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("recipe.toml");
        std::fs::write(&path, text).expect("written");
        let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
        Recipe::resolve(Some(&path), &overrides)
    }

    #[test]
    fn an_empty_recipe_is_the_defaults_and_survives_its_own_spelling() {
        let recipe = resolve("", &[]).expect("defaults");
        assert_eq!(recipe, Recipe::default());
        assert_eq!(resolve(&recipe.to_toml(), &[]).expect("spelled out"), recipe);
    }

    #[test]
    fn files_and_options_change_what_they_name() {
        let recipe = resolve("[distil]\ntemperature = 3\n", &["learning.steps=7", "seeds=[4, 5]"]).expect("valid");
        assert_eq!(
            (recipe.distil.temperature, recipe.learning.steps, recipe.seeds.as_slice()),
            (3.0, 7, [4, 5].as_slice())
        );
    }

    #[test]
    fn layers_of_a_pruned_student_have_channels_of_their_own() {
        let text = "[student.channels]\nstem = 8\n\"stage1.0.pointwise\" = 24\n";
        let recipe = resolve(text, &["student.channels.stem=16"]).expect("valid");
        let channels: Vec<(&str, usize)> = recipe.student.channels.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(channels, [("stage1.0.pointwise", 24), ("stem", 16)]);
        assert_eq!(resolve(&recipe.to_toml(), &[]).expect("spelled out"), recipe);
        assert!(!Recipe::default().to_toml().contains("channels]"), "other recipes stay as they were");
        let wider = recipe.student.widened(2.0);
        assert_eq!((wider.scale, wider.channels["stem"]), (2.0 * recipe.student.scale, 32));
        let error = resolve("[student]\nchannels = 8\n", &[]).expect_err("refused");
        assert!(format!("{:#}", anyhow::Error::from(error)).contains("student.channels"));
    }

    #[test]
    fn students_are_refined_only_where_the_recipe_says_for_how_long() {
        assert_eq!(resolve("", &[]).expect("valid").refining(), None);
        let recipe = resolve("", &["quantise.epochs=2", "learning.batch=4", "learning.decay=0.5"]).expect("valid");
        let refining = recipe.refining().expect("two epochs");
        assert_eq!((refining.steps(10), refining.batch, refining.decay), (5, 4, 0.0));
    }

    #[test]
    fn bindings_are_completed_by_what_is_usual_for_their_loss() {
        let recipe =
            resolve("[[distil.bindings]]\nloss = \"pkd\"\nstudent = \"stage2.0.dense\"\n", &[]).expect("valid");
        let [binding] = &recipe.distil.bindings[..] else { panic!("one binding") };
        assert_eq!(
            (binding.weight, binding.teacher.as_str(), binding.student.as_str()),
            (10.0, "auto", "stage2.0.dense")
        );
        assert_eq!(resolve(&recipe.to_toml(), &[]).expect("spelled out"), recipe);
        let set = resolve("", &["distil.bindings=[{loss=\"kd\", temperature=2}]"]).expect("valid");
        assert_eq!(set.distil.bindings[0].temperature, 2.0);
        let error = |text: &str| format!("{:#}", anyhow::Error::from(resolve(text, &[]).expect_err("refused")));
        let unknown = error("[[distil.bindings]]\nloss = \"kd\"\ntemprature = 2\n");
        assert!(unknown.contains("distil.bindings[0].temprature") && unknown.contains("temperature`"), "{unknown}");
        let loss = error("[[distil.bindings]]\nloss = \"pkb\"\n");
        assert!(loss.contains("distil.bindings[0].loss") && loss.contains("pkd, mgd"), "{loss}");
        assert!(error("[[distil.bindings]]\nweight = 1\n").contains("distil.bindings[0].loss"));
        assert!(error("[[distil.bindings]]\nloss = \"kd\"\nover = 2\n").contains("distil.bindings[0].over"));
    }

    #[test]
    fn errors_name_the_key_and_the_remedy() {
        let text =
            |result: Result<Recipe, RecipeError>| format!("{:#}", anyhow::Error::from(result.expect_err("refused")));
        let unknown = text(resolve("[distil]\ntemprature = 3.0\n", &[]));
        assert!(unknown.contains("distil.temprature") && unknown.contains("distil.temperature"), "{unknown}");
        let typed = text(resolve("", &["learning.steps=many"]));
        assert!(typed.contains("learning.steps") && typed.contains("integer"), "{typed}");
        let ranged = text(resolve("", &["data.width=100"]));
        assert!(ranged.contains("data.width") && ranged.contains("32"), "{ranged}");
        let refining = text(resolve("", &["quantise.steps=5", "quantise.rate=0"]));
        assert!(refining.contains("quantise.rate") && refining.contains("quantise.steps"), "{refining}");
        assert!(text(resolve("seeds = [", &[])).contains("recipe.toml"));
        assert!(text(resolve("", &["steps"])).contains("key=value"));
    }
}
