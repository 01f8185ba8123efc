//! `retort cameras`: which cameras there are, what they offer, and what can be set on them.

use std::io::{self, Write};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::source::camera::controls::{self, Control, Kind};
use crate::source::camera::device::{Node, Places};
use crate::source::camera::list::{Listed, Mode, list, listed};
use crate::source::rpicam;

/// List cameras with their formats, sizes and rates; list and set a camera's controls.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  retort cameras
  retort cameras camera:0
  retort cameras camera:0 --set exposure_auto=1 --set brightness=128")]
pub struct Cameras {
    /// Only this camera, with its controls: camera:0, camera:NAME or a path.
    camera: Option<String>,
    /// Set a control, by its name or that of a menu's item.
    #[arg(long, value_name = "NAME=VALUE", requires = "camera", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl Cameras {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let Some(name) = &self.camera else { return all(self.json) };
        let selection = name.strip_prefix("camera:").unwrap_or(name);
        let node = Places::default().find(selection, None).map_err(anyhow::Error::msg).context(name.clone())?;
        for (control, value) in &self.set {
            controls::set(&node.path, control, value).map_err(anyhow::Error::msg).context(name.clone())?;
        }
        if self.set.is_empty() { one(&node, self.json) } else { Ok(()) }
    }
}

fn all(as_json: bool) -> anyhow::Result<()> {
    let (cameras, ribbon) = (list(), rpicam::list().unwrap_or_default());
    let mut out = io::stdout().lock();
    if as_json {
        let cameras: Vec<Value> = cameras.iter().map(object).collect();
        writeln!(out, "{}", json!({ "cameras": cameras, "rpicam": ribbon }))?;
        return Ok(());
    }
    for camera in &cameras {
        print(&mut out, camera)?;
    }
    for camera in &ribbon {
        writeln!(out, "rpicam:{}  {}", camera.number, camera.about)?;
    }
    if cameras.is_empty() && ribbon.is_empty() {
        bail!(
            "there is no camera; plug one in, and see that the kernel knows it (`dmesg | tail`). One on the Pi's ribbon \
             cable needs rpicam-vid (`sudo apt install rpicam-apps`)"
        );
    }
    Ok(())
}

fn one(node: &Node, as_json: bool) -> anyhow::Result<()> {
    let listed = listed(node);
    if let Some(problem) = &listed.problem {
        bail!("{problem}");
    }
    let controls = controls::controls(&node.path).map_err(anyhow::Error::msg)?;
    let mut out = io::stdout().lock();
    if as_json {
        let mut object = object(&listed);
        object["controls"] = json!(controls);
        writeln!(out, "{object}")?;
        return Ok(());
    }
    print(&mut out, &listed)?;
    for control in &controls {
        writeln!(out, "  {}", line(control))?;
    }
    Ok(())
}

fn object(camera: &Listed) -> Value {
    let node = &camera.node;
    json!({
        "source": format!("camera:{}", node.number),
        "path": node.path,
        "name": node.name,
        "driver": node.driver,
        "links": node.links,
        "formats": camera.modes,
        "other_formats": camera.others,
        "problem": camera.problem,
    })
}

fn print(out: &mut impl Write, camera: &Listed) -> io::Result<()> {
    let node = &camera.node;
    let driver = if node.driver.is_empty() { String::new() } else { format!("  driver {}", node.driver) };
    writeln!(out, "camera:{}  {}  {}{driver}", node.number, node.name, node.path.display())?;
    for link in &node.links {
        writeln!(out, "  also camera:{}", link.display())?;
    }
    for (format, modes) in formats(&camera.modes) {
        writeln!(out, "  {format}  {}", modes.join(", "))?;
    }
    if !camera.others.is_empty() {
        writeln!(out, "  not read: {}", camera.others.join(", "))?;
    }
    if let Some(problem) = &camera.problem {
        writeln!(out, "  {problem}")?;
    }
    Ok(())
}

/// Sizes and rates of each format.
fn formats(modes: &[Mode]) -> Vec<(&'static str, Vec<String>)> {
    let mut formats: Vec<(&'static str, Vec<String>)> = Vec::new();
    for mode in modes {
        let rate = mode.rates.first().map_or(String::new(), |most| format!(" {most}/s"));
        let size = format!("{}x{}{rate}", mode.width, mode.height);
        match formats.iter_mut().find(|(format, _)| *format == mode.format) {
            Some((_, sizes)) => sizes.push(size),
            None => formats.push((mode.format, vec![size])),
        }
    }
    formats
}

fn line(control: &Control) -> String {
    let value = control.value.map_or(String::new(), |value| format!(" = {value}"));
    let takes = match &control.kind {
        Kind::Number { minimum, maximum, step: 0 | 1 } => format!("{minimum} to {maximum}"),
        Kind::Number { minimum, maximum, step } => format!("{minimum} to {maximum} by {step}"),
        Kind::Switch => "0 or 1".into(),
        Kind::Button => "a button".into(),
        Kind::Menu(items) => items.iter().map(|(item, name)| format!("{item} {name}")).collect::<Vec<_>>().join(", "),
    };
    let fixed = if control.settable { "" } else { ", not to be set now" };
    format!("{}{value}  ({takes}{fixed})", control.name)
}

/// Reads NAME=VALUE.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("must look like NAME=VALUE".into()),
    }
}
