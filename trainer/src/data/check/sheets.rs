//! Pictures of a set for people to look at: sheets of samples with their boxes, twins side by side, and bar charts.

use std::path::{Path, PathBuf};

use embedded_graphics::Drawable;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_6X10;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Point, Primitive, Size};
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use retort::contract::{Align, Resize};
use retort::vision::draw::Canvas;
use retort::vision::geometry::Rect;

use super::{Checked, Report};
use crate::data::augment::Target;
use crate::data::error::DataError;
use crate::data::item::{Item, Part};
use crate::data::rng::Rng;
use crate::data::sample::Sample;

/// Columns and rows of a sheet, and the side of a tile without its caption.
const COLUMNS: usize = 5;
const ROWS: usize = 4;
/// Columns of the sheet of twins, which stand side by side.
const PAIRS: usize = 4;
const TILE: usize = 256;
/// Pixels below a tile for its name.
const CAPTION: usize = 14;
/// Pixels between tiles.
const GAP: usize = 6;
const PAPER: u8 = 24;
/// Bars of the chart of classes.
const BARS: usize = 40;

impl Checked {
    /// Writes PNG pictures into a folder and says which: `sheet-PART.png`, `twins.png`, `classes.png`, `boxes.png`, each if there
    /// is something to show. Pictures are drawn by a fixed seed.
    ///
    /// # Errors
    /// [`DataError::Io`] where a file cannot be written.
    pub fn draw(&self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        std::fs::create_dir_all(folder).map_err(DataError::io(folder))?;
        let mut written = Vec::new();
        let mut save = |name: &str, picture: &Sample| {
            let path = folder.join(name);
            let (width, height) = (picture.width as u32, picture.height as u32);
            let saved = image::save_buffer(&path, &picture.pixels, width, height, image::ExtendedColorType::Rgb8);
            saved.map_err(|error| DataError::Io { path: path.clone(), source: std::io::Error::other(error) })?;
            written.push(path);
            Ok(())
        };
        let parts = Part::ALL.map(Some).into_iter().chain([None]);
        for part in parts {
            let items: Vec<&Item> = self.set.items.iter().filter(|item| item.part == part).collect();
            if !items.is_empty() {
                let name = part.map_or("pictures".into(), |part| part.to_string());
                save(&format!("sheet-{name}.png"), &self.sheet(&chosen(items), COLUMNS))?;
            }
        }
        let twins = self.twins();
        if !twins.is_empty() {
            save("twins.png", &self.sheet(&twins, PAIRS))?;
        }
        if self.report.classes.iter().any(|class| class.total() > 0) {
            save("classes.png", &classes(&self.report))?;
        }
        if let Some(boxes) = &self.report.boxes {
            let bars: Vec<_> = boxes
                .sides
                .counts
                .iter()
                .enumerate()
                .map(|(class, &count)| (boxes.sides.range(class), count))
                .collect();
            save("boxes.png", &chart("boxes by side (square root of the area) in pixels", &bars))?;
        }
        Ok(written)
    }

    /// Tiles with boxes and names, so many in a row.
    fn sheet(&self, items: &[&Item], across: usize) -> Sample {
        let rows = items.len().div_ceil(across).max(1);
        let columns = items.len().clamp(1, across);
        let (width, height) = (columns * (TILE + GAP) + GAP, rows * (TILE + CAPTION + GAP) + GAP);
        let mut sheet = Sample::rgb(width, height, vec![PAPER; width * height * 3]);
        for (place, item) in items.iter().enumerate() {
            let (left, top) = (GAP + place % across * (TILE + GAP), GAP + place / across * (TILE + CAPTION + GAP));
            if let Some(tile) = self.tile(item) {
                for y in 0..TILE {
                    let start = ((top + y) * width + left) * 3;
                    sheet.pixels[start..start + TILE * 3].copy_from_slice(&tile.pixels[y * TILE * 3..][..TILE * 3]);
                }
            }
            let class = item.class.and_then(|class| self.set.classes.get(class));
            let caption = match class {
                Some(class) => format!("{class}: {}", item.name),
                None => item.name.clone(),
            };
            write_text(&mut sheet, &tail(&caption, TILE / 6), [left as i32, (top + TILE + 2) as i32], Alignment::Left);
        }
        sheet
    }

    /// A picture in a square, with its boxes; nothing where it can no longer be read.
    fn tile(&self, item: &Item) -> Option<Sample> {
        let resize = Resize::Letterbox { pad: 0, align: Align::Centre };
        let target = Target { width: TILE, height: TILE, channels: 3, resize };
        let mut tile = target.fit(&item.load().ok()?).ok()?;
        let boxes = std::mem::take(&mut tile.boxes);
        let mut canvas = Canvas::new(&mut tile.pixels, TILE, TILE)?;
        let rect = |[left, top, right, bottom]: [f32; 4]| Rect { left, top, right, bottom };
        for label in &boxes {
            canvas.outline(&rect(label.bounds), label.class as u32);
        }
        // Names stay legible where objects are few.
        for label in boxes.iter().filter(|_| boxes.len() <= 12) {
            let name = self.set.classes.get(label.class).map_or("?", String::as_str);
            let name = if label.ignored { format!("({name})") } else { name.to_string() };
            canvas.label(&rect(label.bounds), label.class as u32, &name);
        }
        Some(tile)
    }

    /// Twins side by side, those across parts first.
    fn twins(&self) -> Vec<&Item> {
        let mut groups: Vec<_> = self.report.twins.iter().collect();
        groups.sort_by_key(|twins| (!twins.across_parts, twins.exact));
        let named = |name: &String| self.set.items.iter().find(|item| item.name == *name);
        let pairs = groups.iter().flat_map(|twins| twins.names.iter().take(2)).take(PAIRS * ROWS);
        pairs.filter_map(named).collect()
    }
}

/// As many as a sheet has room for, in their order.
fn chosen(items: Vec<&Item>) -> Vec<&Item> {
    let mut numbers: Vec<usize> = (0..items.len()).collect();
    Rng::new(&[0]).shuffle(&mut numbers);
    numbers.truncate(COLUMNS * ROWS);
    numbers.sort_unstable();
    numbers.into_iter().map(|number| items[number]).collect()
}

fn classes(report: &Report) -> Sample {
    let mut bars: Vec<_> = report.classes.iter().map(|class| (class.class.clone(), class.total())).collect();
    bars.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let title = match bars.len() {
        many if many > BARS => format!("the {BARS} most frequent of {many} classes"),
        _ => "how much there is of each class".into(),
    };
    bars.truncate(BARS);
    chart(&title, &bars)
}

/// Horizontal bars with names and numbers.
fn chart(title: &str, bars: &[(String, usize)]) -> Sample {
    const ROW: usize = 16;
    const NAMES: usize = 170;
    const WIDTH: usize = 640;
    let height = 34 + bars.len() * ROW + 8;
    let mut picture = Sample::rgb(WIDTH, height, vec![PAPER; WIDTH * height * 3]);
    write_text(&mut picture, title, [10, 10], Alignment::Left);
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    for (row, (name, count)) in bars.iter().enumerate() {
        let top = 30 + row * ROW;
        let length = (count * (WIDTH - NAMES - 80)).div_ceil(most);
        let bar = Rectangle::new(Point::new(NAMES as i32, top as i32), Size::new(length as u32, ROW as u32 - 4));
        let _ = bar.into_styled(PrimitiveStyle::with_fill(Rgb888::new(86, 180, 233))).draw(&mut Paper(&mut picture));
        write_text(&mut picture, &tail(name, 26), [NAMES as i32 - 8, top as i32 + 1], Alignment::Right);
        let after = (NAMES + length + 6) as i32;
        write_text(&mut picture, &count.to_string(), [after, top as i32 + 1], Alignment::Left);
    }
    picture
}

/// Writes small light letters, a character that the font lacks as a question mark.
fn write_text(picture: &mut Sample, text: &str, [x, y]: [i32; 2], alignment: Alignment) {
    let text = text.replace('–', "-").replace('…', "...");
    let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
    let letters = MonoTextStyle::new(&FONT_6X10, Rgb888::WHITE);
    let _ = Text::with_text_style(&text, Point::new(x, y), letters, style).draw(&mut Paper(picture));
}

/// The last characters of a name: names of a set begin alike.
fn tail(name: &str, most: usize) -> String {
    let length = name.chars().count();
    match length > most {
        true => format!("…{}", name.chars().skip(length - most + 3).collect::<String>()),
        false => name.into(),
    }
}

/// A picture as embedded-graphics draws on it, pixel by pixel; the runtime's canvas draws letters larger on larger pictures.
struct Paper<'a>(&'a mut Sample);

impl embedded_graphics::prelude::OriginDimensions for Paper<'_> {
    fn size(&self) -> Size {
        Size::new(self.0.width as u32, self.0.height as u32)
    }
}

impl embedded_graphics::draw_target::DrawTarget for Paper<'_> {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = embedded_graphics::Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for embedded_graphics::Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y))
                && x < self.0.width
                && y < self.0.height
            {
                let at = (y * self.0.width + x) * 3;
                self.0.pixels[at..at + 3].copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}
