//! The figures of an evaluation as people read them in a terminal or a log.

use super::table::{Look, Table, percent};
use crate::evaluate::statistics::Interval;
use crate::evaluate::{BoxAgreement, ClassAgreement, Classification, Detection};

/// Confusions that are listed.
const CONFUSIONS: usize = 5;

fn share(interval: Option<Interval>) -> String {
    interval.map_or("–".into(), |i| format!("{:.1} ({:.1} to {:.1})", 100.0 * i.value, 100.0 * i.low, 100.0 * i.high))
}

/// What a detector is like. `classes` are the names of its classes.
pub fn detection(d: &Detection, classes: &[String], look: Look) -> String {
    let s = &d.summary;
    let mut figures = Table::new(["%", "all", "IoU .50", "IoU .75", "small", "medium", "large"]);
    let ap = [s.ap, s.ap50, s.ap75, s.small, s.medium, s.large].map(percent);
    figures.bold_row(["average precision".to_owned()].into_iter().chain(ap));
    let recall = [percent(s.ar100), String::new(), String::new()];
    let by_size = [s.ar_small, s.ar_medium, s.ar_large].map(percent);
    figures.row(["average recall, 100 detections".to_owned()].into_iter().chain(recall).chain(by_size));
    figures.row(["10 detections".to_owned(), percent(s.ar10)]);
    figures.row(["1 detection".to_owned(), percent(s.ar1)]);
    let mut out = figures.render(look);

    let mut table =
        Table::new(["class", "objects", "AP", "AP50", "AP75", "AR", "best F1", "at score", "small", "medium", "large"]);
    let mut occurring: Vec<_> = d.by_class.iter().enumerate().filter(|(_, class)| class.objects > 0).collect();
    occurring.sort_by(|a, b| b.1.ap.unwrap_or(0.0).total_cmp(&a.1.ap.unwrap_or(0.0)).then(a.0.cmp(&b.0)));
    for (number, class) in occurring {
        let best = class.best;
        table.row([
            classes.get(number).cloned().unwrap_or_default(),
            class.objects.to_string(),
            percent(class.ap),
            percent(class.ap50),
            percent(class.ap75),
            percent(class.ar100),
            percent(best.map(|best| best.f1())),
            best.map_or("–".into(), |best| format!("{:.2}", best.score)),
            percent(class.small),
            percent(class.medium),
            percent(class.large),
        ]);
    }
    if !table.is_empty() {
        out += &format!("\n{}", table.render(look));
    }

    if let Some(best) = d.best {
        out += &format!(
            "\nF1 is best at score {:.2}, IoU .50: F1 {:.1}, precision {:.1}, recall {:.1} %.\n",
            best.score,
            100.0 * best.f1(),
            100.0 * best.precision,
            100.0 * best.recall
        );
    }
    let name = |class: usize| classes.get(class).map_or("nothing", String::as_str);
    let mixed = d.confusion.mistakes().into_iter().filter(|&(t, a, _)| t < classes.len() && a < classes.len());
    let mixed: Vec<String> =
        mixed.take(CONFUSIONS).map(|(t, a, count)| format!("{} for {} ({count})", name(t), name(a))).collect();
    if !mixed.is_empty() {
        out += &format!("Taken there most often: {}.\n", mixed.join(", "));
    }
    let mut table = Table::new(["mistakes", "count", "cost in AP50"]);
    for mistake in d.mistakes.iter().filter(|mistake| mistake.count > 0) {
        let cost = format!("{:.1}", 100.0 * mistake.cost);
        table.row([mistake.kind.name().to_owned(), mistake.count.to_string(), cost]);
    }
    if !table.is_empty() {
        out += &format!("\n{}", table.render(look));
    }
    if let Some(agreement) = &d.agreement {
        out += &format!("\n{}", boxes(agreement, look));
    }
    out
}

fn boxes(a: &BoxAgreement, look: Look) -> String {
    let mut table = Table::new(["beside the teacher, IoU .50", "% (95 %)"]);
    table.row(["student's boxes that the teacher has".to_owned(), share(a.precision)]);
    table.row(["teacher's boxes that the student has".to_owned(), share(a.recall)]);
    table.row(["  of those on true objects".to_owned(), share(a.teacher_right)]);
    table.row(["  of those on nothing".to_owned(), share(a.teacher_wrong)]);
    table.row(["mean IoU of boxes that both have".to_owned(), percent(a.mean_iou)]);
    table.row(["AP with the teacher as truth".to_owned(), percent(a.ap)]);
    table.render(look)
}

/// What a classifier is like.
pub fn classification(
    c: &Classification,
    agreement: Option<&ClassAgreement>,
    classes: &[String],
    look: Look,
) -> String {
    let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.3}"));
    let mut figures = Table::new(["", "% (95 %)"]);
    figures.bold_row(["right".to_owned(), share(c.top1)]);
    figures.row(["right among the first five".to_owned(), share(c.top5)]);
    figures.row(["mean F1 of classes".to_owned(), percent(c.macro_f1)]);
    figures.row(["calibration error (ECE)".to_owned(), percent(c.reliability.ece)]);
    figures.row(["  in bins of equal number".to_owned(), percent(c.reliability.adaptive_ece)]);
    figures.row(["negative log-likelihood, nats".to_owned(), number(c.nll)]);
    figures.row(["Brier score".to_owned(), number(c.brier)]);
    let mut out = figures.render(look);
    let mut table = Table::new(["class", "pictures", "precision", "recall", "F1", "most often taken for"]);
    let mistakes = c.confusion.mistakes();
    for (class, scores) in c.classes.iter().enumerate().filter(|(_, scores)| scores.pictures > 0) {
        let taken = mistakes.iter().find(|mistake| mistake.0 == class);
        let name = |class: usize| classes.get(class).cloned().unwrap_or_default();
        table.row([
            name(class),
            scores.pictures.to_string(),
            percent(scores.precision),
            percent(scores.recall),
            percent(scores.f1),
            taken.map_or(String::new(), |&(_, answer, count)| format!("{} ({count})", name(answer))),
        ]);
    }
    if !table.is_empty() {
        out += &format!("\n{}", table.render(look));
    }
    if let Some(a) = agreement {
        let mut table = Table::new(["beside the teacher", "% (95 %)"]);
        table.row(["the same answer".to_owned(), share(a.top1)]);
        table.row(["  where the teacher is right".to_owned(), share(a.teacher_right)]);
        table.row(["  where it is wrong".to_owned(), share(a.teacher_wrong)]);
        table.row(["mean KL(teacher, student), nats".to_owned(), number(a.kl)]);
        out += &format!("\n{}", table.render(look));
    }
    out
}
