//! `retort-train quantize`: an int8 model from a finished float one and pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use retort::chart::{Axis, Chart, Series, Style};
use retort::cli::LimitArguments;
use retort::model::Model;

use super::foreign::{Judge, beside, described, pictures};
use crate::evaluate::LabelledSet;
use crate::limits::read_model;
use crate::posttraining::focus::Focus;
use crate::posttraining::{Options, Prepared, Quantised, Rounded, Show, options, prepare};
use crate::report::{Bars, Look, Table};
use crate::whole;

pub(super) const EXAMPLES: &str = "Examples:
  retort-train quantize yolox_nano.onnx --calibrate photos
  retort-train quantize detector.onnx --calibrate front-door.avi --out small.onnx --report quantising
  retort-train quantize detector.onnx --calibrate photos --labels photos/data.yaml --max-drop 0.5";

/// Shares of the work, in percent, that may be done in floats, tried one after another until accuracy holds.
const FLOATS: [f64; 7] = [0.0, 1.0, 2.0, 4.5, 10.0, 20.0, 50.0];
/// Tensors named on the terminal.
const NAMED: usize = 8;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The float model, an ONNX file
    model: PathBuf,
    /// Pictures like those that it will see: a folder, a set, or a video. Nobody needs to have labelled them
    #[arg(long, value_name = "PATH")]
    calibrate: PathBuf,
    /// How many of them to look at
    #[arg(long, value_name = "N", default_value_t = 64)]
    pictures: usize,
    /// Where to put the int8 model [default: MODEL-int8.onnx, beside the float one]
    #[arg(long, value_name = "FILE.onnx")]
    out: Option<PathBuf>,
    /// How integers are written: plain operators between QuantizeLinear and DequantizeLinear, which tools of today want, or
    /// QLinearConv and QLinearMatMul, which say the same to those that know no other
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The model's contract, where it carries none and is not well known
    #[arg(long, value_name = "FILE.toml")]
    contract: Option<PathBuf>,
    /// The most that may be computed in floats for the sake of what rounding harms most, in percent of the
    /// multiply-accumulates
    #[arg(long, value_name = "PERCENT", default_value_t = 4.5, conflicts_with = "max_drop")]
    floats: f64,
    /// Labelled pictures to measure float and int8 on
    #[arg(long, value_name = "PATH")]
    labels: Option<PathBuf>,
    /// Points of AP, or of accuracy, that int8 may lose: more and more is left in floats until it does not lose more
    #[arg(long, value_name = "POINTS", requires = "labels")]
    max_drop: Option<f64>,
    /// Round weights to the nearest integers instead of fitting them to the pictures
    #[arg(long)]
    nearest: bool,
    /// Leave channels of different ranges as they are
    #[arg(long)]
    plain: bool,
    /// Folder for a table and a chart of what became of every tensor
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
}

/// How integers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// QuantizeLinear and DequantizeLinear around plain operators
    #[default]
    Qdq,
    /// QLinearConv and QLinearMatMul
    Qoperator,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let bars = Bars::default();
    let path = &arguments.model;
    ensure!((0.0..=100.0).contains(&arguments.floats), "--floats is a share from 0 to 100 percent");
    let bytes = read_model(path).with_context(|| format!("cannot read {}", path.display()))?;
    let model = Model::from_bytes(&bytes, path, &options())?;
    let contract = model.find_contract(arguments.contract.as_deref())?;
    let pictures = pictures(&arguments.calibrate, arguments.pictures)?;
    let labelled = arguments.labels.as_ref().map(|labels| LabelledSet::open(labels, None, true)).transpose()?;
    let focus = Focus::new(&model, &contract, &pictures)?;
    let show = Show { image: &contract.image, pictures: &pictures, focus: focus.as_ref() };
    let chosen = Options { fit: !arguments.nearest, equalise: !arguments.plain, ..Options::default() };
    let prepared = prepare(&bytes, show, &chosen, &|text| bars.say(text))
        .with_context(|| format!("cannot quantise {}", path.display()))?;
    println!("{}", changes(&prepared));

    let judge = Judge { contract: &contract, labelled: labelled.as_ref() };
    let float = judge.measure(model)?;
    let mut table = Table::new(["in floats, at most", "MAC in int8", "error of the results", judge.measured(), "drop"]);
    let mut row = |shares: [String; 3], points: Option<f64>| {
        let number = |points: Option<f64>| points.map_or("–".to_owned(), |points| format!("{points:.1}"));
        let drop = points.zip(float).map(|(points, float)| float - points);
        let [share, integers, error] = shares;
        table.row([share, integers, error, number(points), number(drop)]);
        drop
    };
    row(["the float model".into(), "0.0 %".into(), "–".into()], float);
    let tries: &[f64] = if arguments.max_drop.is_some() { &FLOATS } else { &[arguments.floats] };
    let mut written = None;
    for &share in tries {
        let mut quantised = prepared.quantised(share / 100.0)?;
        quantised.set_metadata(described(&contract, "quantised", "retort-train quantize").to_metadata());
        let points = judge.measure(Model::from_bytes(&quantised.encode(), path, &options())?)?;
        let shares = [
            format!("{share:.1} %"),
            format!("{:.1} %", 100.0 * quantised.in_integers),
            format!("{:.1} dB", decibels(quantised.noise)),
        ];
        let drop = row(shares, points);
        let holds = arguments.max_drop.is_none_or(|most| drop.is_some_and(|drop| drop <= most));
        written = Some((quantised, drop, holds));
        if holds {
            break;
        }
    }
    print!("{}", table.render(Look::of_stdout()));
    let Some((mut quantised, drop, holds)) = written else { bail!("nothing was tried") };
    if let (false, Some(most)) = (holds, arguments.max_drop) {
        bail!(
            "int8 loses {:.1} points, more than the {most} of --max-drop, even with half of the work in floats; more \
             pictures (--pictures) or quantisation-aware training may help",
            drop.unwrap_or_default()
        );
    }
    println!("{}", tensors(&quantised));
    if let Some(folder) = &arguments.report {
        report(&quantised, path, folder)?;
    }
    if arguments.format == Format::Qoperator {
        let layers = quantised.use_operators_on_bytes();
        println!("{layers} layers are written as operators on bytes.");
    }
    let out = arguments.out.clone().unwrap_or_else(|| beside(path, "int8"));
    whole::write(&out, quantised.encode()).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{} is the int8 model.", out.display());
    Ok(())
}

fn decibels(noise: f64) -> f64 {
    -10.0 * noise.max(1e-12).log10()
}

fn changes(prepared: &Prepared<'_>) -> String {
    let changes = &prepared.changes;
    format!(
        "{} layers. {} nodes folded away; channels of {} layers brought to one range, of {} tensors given scales of \
         their own; {} depthwise convolutions moved in front of a join.",
        prepared.layers(),
        changes.folded,
        changes.equalised,
        changes.split.len(),
        changes.moved
    )
}

/// How ranges were found, and which tensors rounding harms most.
fn tensors(quantised: &Quantised) -> String {
    let mut methods: Vec<String> = quantised.tensors.iter().map(|tensor| tensor.method.to_string()).collect();
    methods.sort_unstable();
    let counted: Vec<String> =
        methods.chunk_by(|a, b| a == b).map(|group| format!("{} {}", group.len(), group[0])).collect();
    let mut worst: Vec<&Rounded> = quantised.tensors.iter().filter(|tensor| tensor.harm > 0.0).collect();
    worst.sort_by(|a, b| b.harm.total_cmp(&a.harm));
    let mut table = Table::new(["rounding it alone", "tensor", "range", ""]);
    for tensor in worst.iter().take(NAMED) {
        let (low, high) = tensor.span;
        let kept = if tensor.in_floats { "in floats" } else { "" };
        table.row([
            format!("{:.1} dB", decibels(tensor.harm)),
            tensor.name.clone(),
            format!("{low:.3} to {high:.3}"),
            kept.to_owned(),
        ]);
    }
    format!("Ranges: {}.\n\n{}", counted.join(", "), table.render(Look::of_stdout()).trim_end())
}

/// A table and a chart of every tensor.
fn report(quantised: &Quantised, model: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut csv = "tensor,low,high,range_by,alone_db,in_model_db,in_floats\n".to_owned();
    for tensor in &quantised.tensors {
        let (low, high) = tensor.span;
        let noise = tensor.noise.map_or(String::new(), |noise| format!("{:.2}", decibels(noise)));
        csv += &format!(
            "{},{low},{high},{},{:.2},{noise},{}\n",
            tensor.name,
            tensor.method,
            decibels(tensor.harm),
            tensor.in_floats
        );
    }
    let file = folder.join("tensors.csv");
    std::fs::write(&file, csv).with_context(|| format!("cannot write {}", file.display()))?;
    let points = |of: &dyn Fn(&Rounded) -> Option<f64>| -> Vec<[f64; 2]> {
        let tensors = quantised.tensors.iter().enumerate();
        tensors.filter_map(|(place, tensor)| Some([place as f64, decibels(of(tensor)?)])).collect()
    };
    let series = vec![
        Series::new("what is left of it in the int8 model", Style::Line, points(&|tensor| tensor.noise)),
        Series::new(
            "of the results, where it alone is rounded",
            Style::Points,
            points(&|tensor| Some(tensor.harm).filter(|harm| *harm > 0.0)),
        ),
    ];
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let y = Axis::new("signal over error, dB");
    let chart = Chart::new(format!("{name} in int8"), Axis::new("tensor, in the order of computing"), y, series);
    chart.draw().save(&folder.join("tensors.png"))?;
    println!("{} and tensors.csv say what became of every tensor.", folder.join("tensors.png").display());
    Ok(())
}
