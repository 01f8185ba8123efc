//! Small right inputs of each kind, which fuzzers start from.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, RgbImage};
use retort::model::{InputKind, LoadOptions, Model};
use retort_core::kernels::KernelSet;

use super::corpus;
use crate::onnx::pb::{AttributeProto, ModelProto, NodeProto, attribute_proto::AttributeType};
use crate::onnx::{self, bytes, floats, integers, node, port, signed_bytes};

/// Writes the corpora anew; files of other names stay, among them what fuzzers found.
pub fn make() -> anyhow::Result<()> {
    for (name, model) in models() {
        let file = onnx::encode(&model);
        write("onnx_import", &format!("{name}.onnx"), &file)?;
        for set in [KernelSet::Portable, KernelSet::Avx2, KernelSet::AvxVnni] {
            let options = LoadOptions {
                kernel_set: Some(set),
                input: InputKind::Quantised,
                for_any_processor: true,
                ..LoadOptions::default()
            };
            let planned = Model::from_bytes(&file, Path::new(name), &options)?;
            if let Ok(plan) = planned.plan_bytes() {
                write("plan_check", &format!("{name}.{set}.plan"), plan)?;
            }
        }
    }
    for (name, bytes) in pictures()? {
        write("picture", name, &bytes)?;
    }
    for (name, bytes) in labels() {
        write("labels", name, &bytes)?;
    }
    for (name, text) in RECIPES {
        write("recipe", name, text.as_bytes())?;
    }
    for (name, text) in CONTRACTS {
        write("contract", name, text.as_bytes())?;
    }
    for (name, text) in SERVICES {
        write("service", name, text.as_bytes())?;
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = corpus(target);
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(name), bytes)?)
}

fn with(mut node: NodeProto, attributes: &[AttributeProto]) -> NodeProto {
    node.attribute.extend_from_slice(attributes);
    node
}

fn whole(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int.into(), i: value, ..Default::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::String.into(), s: value.into(), ..Default::default() }
}

/// Small networks that together have most kinds of steps.
fn models() -> Vec<(&'static str, ModelProto)> {
    let weights = |count: usize| (0..count).map(|i| i as f32 / count as f32 - 0.4).collect::<Vec<f32>>();
    let image = port("x", &[1, 3, 6, 6]);
    let network = onnx::model(
        std::slice::from_ref(&image),
        &[
            floats("w", &[4, 3, 3, 3], &weights(108)),
            floats("b", &[4], &weights(4)),
            floats("d", &[4, 1, 3, 3], &weights(36)),
        ],
        &[
            with(node("Conv", "c", &["x", "w", "b"], &["t0"]), &[integers("pads", &[1, 1, 1, 1])]),
            node("Relu", "r", &["t0"], &["t1"]),
            with(node("Conv", "dw", &["t1", "d"], &["t2"]), &[whole("group", 4), integers("strides", &[2, 2])]),
            with(
                node("MaxPool", "p", &["t1"], &["t3"]),
                &[integers("kernel_shape", &[3, 3]), integers("strides", &[2, 2])],
            ),
            node("Add", "a", &["t2", "t3"], &["t4"]),
            with(node("Concat", "j", &["t4", "t3"], &["t5"]), &[whole("axis", 1)]),
            node("GlobalAveragePool", "g", &["t5"], &["t6"]),
            with(node("Softmax", "s", &["t6"], &["y"]), &[whole("axis", 1)]),
        ],
        &[port("y", &[1, 8, 1, 1])],
    );
    let quantised = onnx::model(
        std::slice::from_ref(&image),
        &[
            floats("s", &[], &[0.02]),
            bytes("z", &[], &[128]),
            signed_bytes("w", &[4, 3, 1, 1], &[5, -7, 9, 20, -30, 40, 1, 2, 3, -4, -5, 127]),
            floats("ws", &[4], &[0.01, 0.02, 0.03, 0.04]),
            signed_bytes("wz", &[4], &[0; 4]),
            signed_bytes("d", &[4, 1, 3, 3], &[3; 36]),
        ],
        &[
            node("QuantizeLinear", "q0", &["x", "s", "z"], &["t0"]),
            node("DequantizeLinear", "d0", &["t0", "s", "z"], &["t1"]),
            with(node("DequantizeLinear", "dw", &["w", "ws", "wz"], &["t2"]), &[whole("axis", 0)]),
            node("Conv", "c", &["t1", "t2"], &["t3"]),
            node("QuantizeLinear", "q1", &["t3", "s", "z"], &["t4"]),
            node("DequantizeLinear", "d1", &["t4", "s", "z"], &["t5"]),
            with(node("DequantizeLinear", "dd", &["d", "ws", "wz"], &["t6"]), &[whole("axis", 0)]),
            with(node("Conv", "e", &["t5", "t6"], &["t7"]), &[whole("group", 4), integers("pads", &[1, 1, 1, 1])]),
            node("QuantizeLinear", "q2", &["t7", "s", "z"], &["t8"]),
            node("DequantizeLinear", "d2", &["t8", "s", "z"], &["y"]),
        ],
        &[port("y", &[1, 4, 6, 6])],
    );
    let moving = onnx::model(
        std::slice::from_ref(&image),
        &[floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]), floats("k", &[144, 2], &weights(288))],
        &[
            with(
                node("Resize", "u", &["x", "", "scales"], &["t0"]),
                &[text("mode", "nearest"), text("coordinate_transformation_mode", "asymmetric")],
            ),
            with(node("Transpose", "t", &["t0"], &["t1"]), &[integers("perm", &[0, 2, 3, 1])]),
            with(node("Flatten", "f", &["t0"], &["t2"]), &[whole("axis", 2)]),
            node("MatMul", "m", &["t2", "k"], &["t3"]),
            with(node("ReduceMean", "r", &["t1"], &["t4"]), &[integers("axes", &[1, 2]), whole("keepdims", 0)]),
            with(node("Split", "s", &["t4"], &["y", "t5", "t6"]), &[whole("axis", 1)]),
            node("Sigmoid", "g", &["t3"], &["z"]),
        ],
        &[port("y", &[1, 1]), port("z", &[3, 2])],
    );
    let shape: Vec<u8> = [1i64, 3, -1].iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut folding = onnx::model(
        &[image],
        &[],
        &[
            node("Shape", "n", &["x"], &["t0"]),
            node("Identity", "i", &["t0"], &["t1"]),
            node("Reshape", "r", &["x", "c"], &["t2"]),
            with(node("LayerNormalization", "l", &["t2", "one"], &["y"]), &[]),
            node("ConstantOfShape", "o", &["t1"], &["z"]),
        ],
        &[port("y", &[1, 3, 36]), port("z", &[1, 3, 6, 6])],
    );
    if let Some(graph) = &mut folding.graph {
        graph.initializer.push(onnx::pb::TensorProto {
            name: "c".into(),
            data_type: onnx::pb::tensor_proto::DataType::Int64.into(),
            dims: vec![3],
            raw_data: shape,
            ..Default::default()
        });
        graph.initializer.push(floats("one", &[36], &[1.0; 36]));
    }
    folding.opset_import[0].version = 17;
    vec![("network", network), ("quantised", quantised), ("moving", moving), ("folding", folding)]
}

/// A picture of a few pixels in every format, and a film.
fn pictures() -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    let picture = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8 * 30, y as u8 * 50, 90]));
    let picture = DynamicImage::from(picture);
    let mut all = Vec::new();
    for (name, format, picture) in [
        ("rgb.png", ImageFormat::Png, picture.clone()),
        ("grey16.png", ImageFormat::Png, DynamicImage::from(picture.to_luma16())),
        ("alpha.png", ImageFormat::Png, DynamicImage::from(picture.to_rgba8())),
        ("rgb.jpg", ImageFormat::Jpeg, picture.clone()),
        ("grey.jpg", ImageFormat::Jpeg, DynamicImage::from(picture.to_luma8())),
        ("rgb.bmp", ImageFormat::Bmp, picture.clone()),
        ("rgb.webp", ImageFormat::WebP, picture.clone()),
        ("rgb.ppm", ImageFormat::Pnm, picture.clone()),
        ("grey.pgm", ImageFormat::Pnm, DynamicImage::from(picture.to_luma8())),
    ] {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format)?;
        all.push((name, bytes.into_inner()));
    }
    all.push(("plain.pbm", b"P1\n# four pixels\n2 2\n0 1\n1 0\n".to_vec()));
    let mut film = b"YUV4MPEG2 W4 H2 F30:1 Ip C420jpeg XCOLORRANGE=FULL\n".to_vec();
    for luma in 0..3 {
        film.extend_from_slice(b"FRAME\n");
        film.extend_from_slice(&[luma * 40; 12]);
    }
    all.push(("film.y4m", film));
    Ok(all)
}

/// A file of labels of every format, behind the number of its format.
fn labels() -> Vec<(&'static str, Vec<u8>)> {
    let behind = |number: u8, content: &[u8]| [&[number], content].concat();
    let coco = br#"{"images":[{"id":1,"file_name":"000001.ppm","width":4,"height":3},{"id":2,"file_name":"000002.ppm"}],
"annotations":[{"id":1,"image_id":1,"category_id":3,"bbox":[1,1,2,1.5],"iscrowd":0},{"image_id":2,"category_id":3,"bbox":[0,0,1,1],"score":0.5}],
"categories":[{"id":3,"name":"thing"}]}"#;
    let voc = b"<annotation><filename>000001.ppm</filename><size><width>4</width><height>3</height><depth>3</depth></size>
<object><name>thing</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>2</ymax></bndbox></object>
</annotation>\n";
    let lines = br#"{"frame":1,"source":"000001.ppm","width":4,"height":3,"detections":[{"class":"thing","class_id":0,"score":0.9,"box":[1,1,2,1]}]}
{"frame":2,"source":"000002.ppm","classes":[{"class":"thing","score":0.8}]}
"#;
    let digits = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = std::io::Write::write_all(&mut packed, &digits).and_then(|()| packed.finish()).unwrap_or_default();
    vec![
        ("mot", behind(0, b"1,1,0.5,1,2,1.5,1,1,1\n2,1,0,0,1,1,0,7,0.4\n# a remark\n1,-1,1,1,2,1,0.9,-1,-1,-1\n")),
        ("coco", behind(1, coco)),
        ("yolo", behind(2, b"0 0.5 0.5 0.25 0.5\n1 0.1 0.1 0.2 0.2 0.9\n0 0.1 0.1 0.9 0.1 0.5 0.9\n")),
        ("yaml", behind(3, b"path: .\ntrain: images\nval: [images]\nnc: 2\nnames:\n  0: thing\n  1: 'other' # one\n")),
        ("voc", behind(4, voc)),
        ("jsonl", behind(5, lines)),
        ("idx-images", behind(6, &digits)),
        ("idx-labels", behind(7, &[0, 0, 8, 1, 0, 0, 0, 2, 3, 4])),
        ("idx-gz", behind(8, &packed)),
    ]
}

const RECIPES: [(&str, &str); 3] = [
    ("shapes.toml", include_str!("../../../models/recipes/shapes.toml")),
    ("camera.toml", include_str!("../../../models/recipes/camera.toml")),
    ("mnist.toml", include_str!("../../../models/recipes/mnist-cnn.toml")),
];

const CONTRACTS: [(&str, &str); 3] = [
    ("yolox.toml", include_str!("../../../models/contracts/yolox_nano.toml")),
    ("nanodet.toml", include_str!("../../../models/contracts/nanodet_m.toml")),
    (
        "pairs.txt",
        "task=classify\nclasses=[\"a\",\"b\"]\nimage.colour=rgb\nimage.resize=letterbox\nimage.mean=[1,2,3]\nhead.kind=logits\n",
    ),
];

const SERVICES: [(&str, &str); 5] = [
    ("package.toml", include_str!("../../../runtime/xtask/debian/retort.toml")),
    ("doorbell.toml", include_str!("../../../firmware-examples/doorbell/retort.toml")),
    ("people-counter.toml", include_str!("../../../firmware-examples/people-counter/retort.toml")),
    (
        "places.toml",
        r#"source = "camera:0"
settings = "kept.json"
model = { file = "m.onnx", score = 0.5, iou = 0.5, classes = ["person"], threads = 0, side = 64, reload = true }
camera = { size = "640x480", fps = 30, format = "YUYV", timeout = 5.0, rate = 10.0 }
[[zone]]
name = "door"
points = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]
classes = ["person"]
[[line]]
name = "street"
from = [0.0, 0.5]
to = [1.0, 0.5]
[[mask]]
points = [[0, 0], [1, 0], [0, 1]]
[to.json]
"#,
    ),
    (
        "kept.json",
        r#"{"score":0.4,"zones":[{"name":"door","points":[[0.1,0.1],[0.9,0.1],[0.5,0.9]]}],"lines":[],"masks":[]}"#,
    ),
];
