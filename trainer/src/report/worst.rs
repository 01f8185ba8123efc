//! The pictures that a network does worst on, side by side with what is there.

use image::RgbImage;
use image::imageops::{FilterType, overlay, resize};
use retort::vision::draw::Canvas;
use retort::vision::geometry::Rect;

use crate::data::Sample;
use crate::evaluate::{Found, Judged, Truth, likeliest, pair};

/// The shorter side that pictures are brought to.
const SIDE: u32 = 360;
/// Side of a picture that was classified.
const TILE: u32 = 128;
const GAP: u32 = 8;

/// How badly a picture was answered: objects missed, detections of nothing and those of a wrong class, from `score` on.
pub fn badness(picture: &Judged, score: f64) -> usize {
    let pairs = pair(picture, score, 0.5);
    let confused =
        pairs.pairs.iter().filter(|(found, truth)| picture.found[*found].class != picture.truths[*truth].class).count();
    pairs.missed.len() + pairs.spurious.len() + confused
}

/// The numbers of the pictures that were answered worst, the worst first, and at most `count`; none that is faultless.
pub fn worst(pictures: &[Judged], score: f64, count: usize) -> Vec<usize> {
    let mut bad: Vec<(usize, usize)> =
        pictures.iter().map(|p| badness(p, score)).enumerate().filter(|b| b.1 > 0).collect();
    bad.sort_by_key(|&(number, badness)| (std::cmp::Reverse(badness), number));
    bad.into_iter().take(count).map(|(number, _)| number).collect()
}

/// A picture several times side by side: once for the truth, once for each of the answers from `score` on. `titles` are
/// for the answers.
pub fn side_by_side(
    sample: &Sample,
    truths: &[Truth],
    answers: &[(&str, &[Found])],
    score: f64,
    names: &[String],
) -> RgbImage {
    let zoom = (SIDE as f32 / sample.width.min(sample.height).max(1) as f32).max(0.05);
    let plain = scaled(sample, zoom);
    let name = |class: usize| names.get(class).map_or("?", String::as_str);
    let truth_boxes: Vec<(usize, [f64; 4], String)> = truths
        .iter()
        .map(|truth| {
            let mark = if truth.crowd || truth.ignored { " (not counted)" } else { "" };
            (truth.class, truth.bbox, format!("{}{mark}", name(truth.class)))
        })
        .collect();
    let mut parts = vec![boxed(&plain, "truth", &truth_boxes, zoom)];
    for (title, found) in answers {
        let taken = found.iter().filter(|found| found.score >= score);
        let boxes: Vec<(usize, [f64; 4], String)> =
            taken.map(|f| (f.class, f.bbox, format!("{} {:.0}", name(f.class), 100.0 * f.score))).collect();
        parts.push(boxed(&plain, title, &boxes, zoom));
    }
    beside(&parts)
}

/// Pictures that were classified wrongly, the surest first, each with its truth and the answer; at most `count`.
/// `load` is asked for the pictures shown.
pub fn wrong_classes(
    answers: &[(usize, &[f32], usize)],
    count: usize,
    names: &[String],
    load: impl Fn(usize) -> Option<Sample>,
) -> Option<RgbImage> {
    let mut wrong: Vec<_> = answers.iter().filter(|(_, row, truth)| likeliest(row) != *truth).collect();
    wrong.sort_by(|a, b| b.1[likeliest(b.1)].total_cmp(&a.1[likeliest(a.1)]).then(a.0.cmp(&b.0)));
    let tile = |&&(number, row, truth): &&(usize, &[f32], usize)| {
        let sample = load(number)?;
        let longest = sample.width.max(sample.height).max(1) as f32;
        let picture = scaled(&sample, TILE as f32 / longest);
        let name = |class: usize| names.get(class).map_or("?", String::as_str);
        let answer = likeliest(row);
        let mut tile = RgbImage::from_pixel(TILE + 2 * GAP, TILE + 34, image::Rgb([255; 3]));
        overlay(&mut tile, &picture, i64::from((TILE + 2 * GAP - picture.width()) / 2), 0);
        let room = (TILE as usize + 2 * GAP as usize) / 7;
        write(&mut tile, [0, TILE + 1], &short(&format!("is {}", name(truth)), room));
        write(&mut tile, [0, TILE + 17], &short(&format!("{} {:.0} %", name(answer), 100.0 * row[answer]), room));
        Some(tile)
    };
    let tiles: Vec<RgbImage> = wrong.iter().take(count).filter_map(tile).collect();
    let first = tiles.first()?;
    let (width, height, columns) = (first.width(), first.height(), 6.min(tiles.len()) as u32);
    let rows = (tiles.len() as u32).div_ceil(columns);
    let mut sheet = RgbImage::from_pixel(columns * (width + GAP), rows * (height + GAP), image::Rgb([255; 3]));
    for (index, tile) in tiles.iter().enumerate() {
        let (column, row) = (index as u32 % columns, index as u32 / columns);
        overlay(&mut sheet, tile, i64::from(column * (width + GAP)), i64::from(row * (height + GAP)));
    }
    Some(sheet)
}

/// A picture whose longer side is brought down to so many pixels, if it is longer.
pub fn reduced(sample: &Sample, side: u32) -> RgbImage {
    scaled(sample, (side as f32 / sample.width.max(sample.height).max(1) as f32).min(1.0))
}

fn short(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        text.into()
    } else {
        text.chars().take(letters.saturating_sub(1)).chain(['~']).collect()
    }
}

fn scaled(sample: &Sample, zoom: f32) -> RgbImage {
    let Sample { width, height, pixels, .. } = sample.clone().with_channels(3);
    let picture = RgbImage::from_raw(width as u32, height as u32, pixels).unwrap_or_default();
    let side = |side: u32| ((side as f32 * zoom).round() as u32).max(1);
    // Small pictures are looked at pixel by pixel.
    let filter = if zoom >= 2.0 { FilterType::Nearest } else { FilterType::Triangle };
    resize(&picture, side(picture.width()), side(picture.height()), filter)
}

fn boxed(picture: &RgbImage, title: &str, boxes: &[(usize, [f64; 4], String)], zoom: f32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut pixels = picture.as_raw().clone();
    if let Some(mut canvas) = Canvas::new(&mut pixels, width as usize, height as usize) {
        let rect = |&[left, top, width, height]: &[f64; 4]| {
            let [left, top, right, bottom] = [left, top, left + width, top + height].map(|edge| edge as f32 * zoom);
            Rect { left, top, right, bottom }
        };
        boxes.iter().for_each(|(class, bbox, _)| canvas.outline(&rect(bbox), *class as u32));
        boxes.iter().for_each(|(class, bbox, label)| canvas.label(&rect(bbox), *class as u32, label));
    }
    let mut part = RgbImage::from_pixel(width, height + 20, image::Rgb([255; 3]));
    write(&mut part, [2, 3], title);
    let below = RgbImage::from_raw(width, height, pixels).unwrap_or_default();
    overlay(&mut part, &below, 0, 20);
    part
}

fn beside(parts: &[RgbImage]) -> RgbImage {
    let width = parts.iter().map(|part| part.width() + GAP).sum::<u32>().saturating_sub(GAP);
    let height = parts.iter().map(RgbImage::height).max().unwrap_or(0);
    let mut all = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    let mut left = 0;
    for part in parts {
        overlay(&mut all, part, i64::from(left), 0);
        left += part.width() + GAP;
    }
    all
}

/// Dark letters from a corner on.
fn write(picture: &mut RgbImage, [x, y]: [u32; 2], text: &str) {
    use embedded_graphics::mono_font::{MonoTextStyle, iso_8859_1::FONT_7X13};
    use embedded_graphics::pixelcolor::Rgb888;
    use embedded_graphics::prelude::*;
    use embedded_graphics::text::{Baseline, Text};
    let style = MonoTextStyle::new(&FONT_7X13, Rgb888::new(40, 44, 52));
    let mut canvas = super::pictures::Canvas(std::mem::take(picture));
    let _ = Text::with_baseline(text, Point::new(x as i32, y as i32), style, Baseline::Top).draw(&mut canvas);
    *picture = canvas.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first_and_faultless_pictures_never() {
        let bbox = [0.0, 0.0, 10.0, 10.0];
        let hit = Found { class: 0, score: 0.9, bbox };
        let truth = Truth::new(0, bbox);
        let faultless = Judged { found: vec![hit], truths: vec![truth] };
        let missed = Judged { found: vec![], truths: vec![truth] };
        let confused = Judged { found: vec![Found { class: 1, ..hit }, hit, hit], truths: vec![truth] };
        assert_eq!(worst(&[faultless, missed, confused], 0.5, 8), [2, 1]);
    }

    #[test]
    fn truth_and_answers_stand_side_by_side() {
        let sample = Sample::rgb(40, 20, vec![9; 40 * 20 * 3]);
        let found = [Found { class: 0, score: 0.9, bbox: [4.0, 4.0, 10.0, 10.0] }];
        let picture = side_by_side(&sample, &[], &[("student", &found), ("teacher", &[])], 0.5, &["cup".into()]);
        assert_eq!(picture.dimensions(), (3 * 720 + 2 * GAP, 360 + 20));
        let edge = |left: u32| picture.get_pixel(left + 4 * 18 + 60, 20 + 14 * 18 - 1).0;
        assert_eq!(edge(0), [9; 3]);
        assert_ne!(edge(720 + GAP), [9; 3], "the box's lower edge");
    }

    #[test]
    fn classes_that_are_right_are_not_shown() {
        let load = |_| Some(Sample::rgb(4, 4, vec![0; 48]));
        assert!(wrong_classes(&[(0, &[0.9, 0.1], 0)], 9, &[], load).is_none());
        let sheet = wrong_classes(&[(0, &[0.9, 0.1], 1), (1, &[0.2, 0.8], 0)], 9, &[], load).expect("two");
        assert_eq!(sheet.width(), 2 * (TILE + 3 * GAP));
        let sizes = [4, 2].map(|side| reduced(&Sample::rgb(4, 2, vec![0; 24]), side).dimensions());
        assert_eq!(sizes, [(4, 2), (2, 1)]);
    }
}
