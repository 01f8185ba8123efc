//! The figures that people quote.

use serde::{Deserialize, Serialize};

use super::accumulate::{Class, LIMITS, Table, mean_precision};
use super::curve::{Curve, OperatingPoint};
use super::{Size, THRESHOLDS};

/// COCO's figures over all classes, each from 0 to 1; none where no object falls into the range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// AP over IoU .50:.05:.95.
    pub ap: Option<f64>,
    /// AP at IoU .50.
    pub ap50: Option<f64>,
    /// AP at IoU .75.
    pub ap75: Option<f64>,
    /// AP of objects up to 32² pixels.
    pub small: Option<f64>,
    /// AP of objects from 32² to 96² pixels.
    pub medium: Option<f64>,
    /// AP of objects from 96² pixels on.
    pub large: Option<f64>,
    /// Average recall, over IoU .50:.05:.95, of the best detection a picture and class.
    pub ar1: Option<f64>,
    /// The same of the best 10.
    pub ar10: Option<f64>,
    /// The same of the best 100.
    pub ar100: Option<f64>,
    /// AR of the best 100 on objects up to 32² pixels.
    pub ar_small: Option<f64>,
    /// On objects from 32² to 96² pixels.
    pub ar_medium: Option<f64>,
    /// On objects from 96² pixels on.
    pub ar_large: Option<f64>,
    /// AP at each IoU threshold, .50:.05:.95.
    pub by_iou: Vec<Option<f64>>,
    /// AP of each class over IoU .50:.05:.95.
    pub classes: Vec<Option<f64>>,
}

impl Summary {
    pub(super) fn new(classes: &[Class]) -> Summary {
        let average = |size: Size, value: &dyn Fn(&Table) -> f64| {
            mean(classes.iter().filter_map(|class| class.tables[size as usize].as_deref().map(value)))
        };
        let at = |level: usize| average(Size::All, &|table| mean_precision(&table.precision[level]));
        let ap = |size: Size| average(size, &Table::ap);
        let ar = |size: Size, limit: usize| average(size, &|table| average_recall(table, limit));
        Summary {
            ap: ap(Size::All),
            ap50: at(0),
            ap75: at(5),
            small: ap(Size::Small),
            medium: ap(Size::Medium),
            large: ap(Size::Large),
            ar1: ar(Size::All, 0),
            ar10: ar(Size::All, 1),
            ar100: ar(Size::All, 2),
            ar_small: ar(Size::Small, 2),
            ar_medium: ar(Size::Medium, 2),
            ar_large: ar(Size::Large, 2),
            by_iou: (0..THRESHOLDS).map(at).collect(),
            classes: classes.iter().map(|class| class.tables[0].as_deref().map(Table::ap)).collect(),
        }
    }
}

/// The figures of one class, each from 0 to 1; none where no object falls into the range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// Objects that count.
    pub objects: usize,
    /// AP over IoU .50:.05:.95.
    pub ap: Option<f64>,
    /// AP at IoU .50.
    pub ap50: Option<f64>,
    /// AP at IoU .75.
    pub ap75: Option<f64>,
    /// AP of objects up to 32² pixels.
    pub small: Option<f64>,
    /// AP of objects from 32² to 96² pixels.
    pub medium: Option<f64>,
    /// AP of objects from 96² pixels on.
    pub large: Option<f64>,
    /// Average recall, over IoU .50:.05:.95, of the best 100 detections a picture.
    pub ar100: Option<f64>,
    /// Where F1 is best at IoU .50.
    pub best: Option<OperatingPoint>,
}

impl ClassSummary {
    pub(super) fn new(class: &Class, curve: Curve) -> ClassSummary {
        let of = |size: Size, value: &dyn Fn(&Table) -> f64| class.tables[size as usize].as_deref().map(value);
        let at = |level: usize| of(Size::All, &|table| mean_precision(&table.precision[level]));
        ClassSummary {
            objects: class.present[Size::All as usize],
            ap: of(Size::All, &Table::ap),
            ap50: at(0),
            ap75: at(5),
            small: of(Size::Small, &Table::ap),
            medium: of(Size::Medium, &Table::ap),
            large: of(Size::Large, &Table::ap),
            ar100: of(Size::All, &|table| average_recall(table, LIMITS.len() - 1)),
            best: curve.best(),
        }
    }
}

fn average_recall(table: &Table, limit: usize) -> f64 {
    table.recall[limit].iter().sum::<f64>() / THRESHOLDS as f64
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}
