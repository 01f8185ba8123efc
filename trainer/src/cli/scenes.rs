//! `retort-train scenes`: pictures like those that the recipe learns from, with their labels.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::data::{CLASSES, Scene, Split};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train scenes --out scenes
  retort-train scenes --out scenes --count 4 --size 360 --aspect 1.5 --seed 3";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Folder for scene-N.png and scene-N.json
    #[arg(long)]
    out: PathBuf,
    /// Number of scenes
    #[arg(long, default_value_t = 8)]
    count: u64,
    /// Number of the first scene
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Pixels along the shorter side
    #[arg(long, default_value_t = 320, value_parser = clap::value_parser!(u32).range(16..=2048))]
    size: u32,
    /// Width divided by height
    #[arg(long, default_value_t = 1.0)]
    aspect: f32,
    /// Seed of the data
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    anyhow::ensure!((0.2..=5.0).contains(&arguments.aspect), "--aspect must be from 0.2 to 5");
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    for index in arguments.first..arguments.first.saturating_add(arguments.count) {
        let scene = Scene::random(&[arguments.seed, Split::Show as u64, index], arguments.aspect);
        let sample = scene.render(arguments.size as usize);
        let path = out.join(format!("scene-{index}.png"));
        let kind = image::ExtendedColorType::Rgb8;
        image::save_buffer(&path, &sample.pixels, sample.width as u32, sample.height as u32, kind)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let labels = sample.boxes.iter().map(|label| {
            let [left, top, right, bottom] = label.bounds;
            serde_json::json!({ "class": CLASSES[label.class], "box": [left, top, right - left, bottom - top] })
        });
        let labels = serde_json::Value::from_iter(labels);
        let path = path.with_extension("json");
        std::fs::write(&path, format!("{labels}\n")).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
