//! Which frames are worth keeping.

use crate::sink::{Findings, Report};

/// Which frames are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Above this novelty.
    pub novelty: f32,
    /// With a score so near to the threshold.
    pub unsure: f32,
    /// From this score on objects count.
    pub threshold: f32,
}

/// Why a frame is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Why {
    /// It is like nothing the model was taught.
    pub unlike: bool,
    /// The model is unsure of what it shows.
    pub unsure: bool,
    /// It contradicts the frames before it.
    pub contradicts: bool,
}

impl Why {
    /// The names of the reasons that hold.
    pub fn names(self) -> Vec<&'static str> {
        let all = [(self.unlike, "unlike"), (self.unsure, "unsure"), (self.contradicts, "contradicted")];
        all.into_iter().filter_map(|(holds, name)| holds.then_some(name)).collect()
    }
}

impl Wanted {
    /// Why a frame is wanted, if for anything.
    pub fn why(self, report: &Report<'_>) -> Why {
        Why { unlike: self.is_unlike(report), unsure: self.is_unsure(report), contradicts: report.contradicts }
    }

    fn is_unlike(self, report: &Report<'_>) -> bool {
        report.novelty.is_some_and(|novelty| novelty > self.novelty)
    }

    fn is_unsure(self, report: &Report<'_>) -> bool {
        match report.findings {
            Findings::Detections(found) => found.iter().any(|d| (d.score - self.threshold).abs() < self.unsure),
            Findings::Classes([first, second, ..]) => first.score - second.score < self.unsure,
            Findings::Classes(_) => false,
        }
    }

    /// The same without what lies below the threshold.
    pub fn sure_of<'a>(self, findings: Findings<'a>) -> Findings<'a> {
        match findings {
            // The highest score is first.
            Findings::Detections(found) => {
                Findings::Detections(&found[..found.partition_point(|d| d.score >= self.threshold)])
            }
            classes @ Findings::Classes(_) => classes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Shot;
    use crate::vision::detection::Detection;
    use crate::vision::frame::Frame;
    use crate::vision::geometry::Rect;
    use crate::vision::scores::Ranked;

    fn report(findings: Findings<'_>, novelty: Option<f32>) -> Report<'_> {
        Report { novelty, ..Report::new(1, Shot::new("a", Frame::rgb(&[0; 3], 1, 1).unwrap()), findings, &[]) }
    }

    #[test]
    fn frames_are_wanted_for_what_is_unlike_and_for_doubt() {
        let wanted = Wanted { novelty: 1.0, unsure: 0.1, threshold: 0.5 };
        let found = |scores: &[f32]| -> Vec<Detection> {
            scores.iter().map(|&score| Detection { class: 0, score, rect: Rect::default(), track: None }).collect()
        };
        let (sure, unsure) = (found(&[0.9, 0.7]), found(&[0.9, 0.55, 0.42, 0.1]));
        assert!(!wanted.is_unsure(&report(Findings::Detections(&sure), None)));
        assert!(wanted.is_unsure(&report(Findings::Detections(&unsure), None)));
        let Findings::Detections(kept) = wanted.sure_of(Findings::Detections(&unsure)) else { panic!("boxes") };
        assert_eq!(kept, &unsure[..2]);
        let ranked = |scores: [f32; 2]| scores.map(|score| Ranked { class: 0, score });
        assert!(wanted.is_unsure(&report(Findings::Classes(&ranked([0.5, 0.45])), None)));
        assert!(!wanted.is_unsure(&report(Findings::Classes(&ranked([0.8, 0.1])), None)));
        assert!(!wanted.is_unsure(&report(Findings::Classes(&ranked([0.8, 0.8])[..1]), None)));
        let unlike = |novelty| wanted.is_unlike(&report(Findings::Detections(&[]), novelty));
        assert!(unlike(Some(1.01)) && !unlike(Some(1.0)) && !unlike(None));
    }

    #[test]
    fn all_reasons_are_named() {
        let wanted = Wanted { novelty: 1.0, unsure: 0.1, threshold: 0.5 };
        let nothing = report(Findings::Detections(&[]), Some(0.5));
        assert_eq!(wanted.why(&nothing), Why::default());
        assert_eq!(Why::default().names().len(), 0);
        let why = wanted.why(&Report { contradicts: true, novelty: Some(2.0), ..nothing });
        assert_eq!(why.names(), ["unlike", "contradicted"]);
    }
}
