use proptest::prelude::*;

use super::*;

const PICTURE: [usize; 2] = [640, 480];

fn found(x: f32, y: f32, score: f32) -> Detection {
    Detection { class: 0, score, rect: Rect::around(x, y, 40.0, 100.0), track: None }
}

fn tracker() -> Tracker {
    Tracker::new(TrackerOptions::default(), 16)
}

/// The tracks' numbers of a frame's detections.
fn numbers(tracker: &mut Tracker, detections: &[Detection]) -> Vec<Option<u32>> {
    tracker.update(detections, 1).iter().map(|found| found.track).collect()
}

#[test]
fn two_who_cross_keep_their_numbers() {
    let mut tracker = tracker();
    for frame in 0..60 {
        let (right, left) = (100.0 + 6.0 * frame as f32, 460.0 - 6.0 * frame as f32);
        let mut both = [found(right, 200.0, 0.9), found(left, 230.0, 0.8)];
        let expected = if frame % 2 == 0 { [Some(1), Some(2)] } else { [Some(2), Some(1)] };
        if frame % 2 == 1 {
            both.reverse();
        }
        assert_eq!(numbers(&mut tracker, &both), expected, "frame {frame}");
    }
    assert_eq!(tracker.confirmed(), 2);
}

#[test]
fn a_faint_detection_goes_on_a_track_and_starts_none() {
    let mut tracker = tracker();
    assert_eq!(numbers(&mut tracker, &[found(100.0, 100.0, 0.9)]), [Some(1)]);
    assert_eq!(numbers(&mut tracker, &[found(102.0, 100.0, 0.3), found(400.0, 100.0, 0.3)]), [Some(1)]);
    // Surer than needed to be reported, but not to begin a track.
    assert_eq!(numbers(&mut tracker, &[found(104.0, 100.0, 0.9), found(400.0, 100.0, 0.55)]), [Some(1), None]);
    // Seen once it has no number; seen twice it has.
    assert_eq!(numbers(&mut tracker, &[found(106.0, 100.0, 0.9), found(400.0, 100.0, 0.7)]), [Some(1), None]);
    assert_eq!(numbers(&mut tracker, &[found(108.0, 100.0, 0.9), found(400.0, 100.0, 0.7)]), [Some(1), Some(2)]);
}

#[test]
fn who_is_hidden_for_a_while_is_known_again() {
    let mut tracker = tracker();
    for frame in 0..20 {
        numbers(&mut tracker, &[found(100.0 + 3.0 * frame as f32, 100.0, 0.9)]);
    }
    (0..15).for_each(|_| assert!(numbers(&mut tracker, &[]).is_empty()));
    assert_eq!(tracker.tracks()[0].unseen, 15);
    assert_eq!(numbers(&mut tracker, &[found(100.0 + 3.0 * 35.0, 100.0, 0.9)]), [Some(1)]);
    // After too long it is somebody else, first without a number.
    (0..31).for_each(|_| assert!(numbers(&mut tracker, &[]).is_empty()));
    assert!(tracker.tracks().is_empty());
    assert_eq!(numbers(&mut tracker, &[found(300.0, 100.0, 0.9)]), [None]);
    assert_eq!(numbers(&mut tracker, &[found(303.0, 100.0, 0.9)]), [Some(2)]);
}

#[test]
fn frames_that_were_dropped_count() {
    let mut tracker = tracker();
    let at = |frame: u64| [found(100.0 + 8.0 * frame as f32, 100.0, 0.9)];
    (0..10).for_each(|frame| assert_eq!(numbers(&mut tracker, &at(frame)), [Some(1)]));
    assert_eq!(tracker.update(&at(22), 13)[0].track, Some(1));
    assert_eq!(tracker.update(&at(22), u64::MAX)[0].track, None, "nobody is known for ever");
}

#[test]
fn classes_have_their_own_tracks() {
    let mut tracker = tracker();
    let (person, bag) = (found(100.0, 100.0, 0.9), Detection { class: 1, ..found(100.0, 100.0, 0.8) });
    assert_eq!(numbers(&mut tracker, &[person, bag]), [Some(1), Some(2)]);
    assert_eq!(numbers(&mut tracker, &[bag, person]), [Some(2), Some(1)]);
}

#[test]
fn what_vanishes_or_flickers_contradicts_the_frames_before() {
    let mut tracker = tracker();
    let contradictions = |tracker: &Tracker| {
        let all = tracker.contradictions(PICTURE[0], PICTURE[1]);
        all.map(|c| match c {
            Contradiction::Vanished { track, .. } => Some(*track),
            Contradiction::Flickered { .. } => None,
        })
        .collect::<Vec<_>>()
    };
    let stands = found(100.0, 100.0, 0.9);
    // It walks out of the picture on the right, and is not missed there.
    for x in [570.0, 590.0, 610.0, 630.0] {
        tracker.update(&[stands, found(x, 100.0, 0.9)], 1);
        assert!(contradictions(&tracker).is_empty());
    }
    tracker.update(&[stands, found(300.0, 300.0, 0.9)], 1);
    assert!(contradictions(&tracker).is_empty());
    tracker.update(&[], 1);
    assert_eq!(contradictions(&tracker), [Some(1), None]);
    tracker.update(&[], 1);
    assert!(contradictions(&tracker).is_empty(), "it is said once");
    // Behind somebody who is nearer nobody is missed.
    tracker.update(&[stands], 1);
    let near = Detection { rect: Rect::around(105.0, 100.0, 80.0, 180.0), ..stands };
    tracker.update(&[near], 1);
    assert!(contradictions(&tracker).is_empty());
}

#[test]
fn more_objects_than_there_is_room_for_are_reported_without_a_number() {
    let mut tracker = Tracker::new(TrackerOptions { most: 2, ..TrackerOptions::default() }, 4);
    let three = [found(100.0, 100.0, 0.9), found(300.0, 100.0, 0.9), found(500.0, 100.0, 0.9)];
    assert_eq!(numbers(&mut tracker, &three), [Some(1), Some(2), None]);
    assert_eq!(numbers(&mut tracker, &three), [Some(1), Some(2), None]);
}

proptest! {
    /// Whatever a detector says, a number is given once a frame, numbers rise one by one, and sure detections come back in
    /// their order.
    #[test]
    fn a_number_is_one_object_of_a_frame(
        film in proptest::collection::vec(
            (1u64..40, proptest::collection::vec((0.0..640.0f32, 0.0..480.0f32, 1.0..200.0f32, 1.0..200.0f32, 0.0..1.0f32, 0u32..2), 0..12)),
            1..40,
        ),
    ) {
        let mut tracker = Tracker::new(TrackerOptions { most: 20, ..TrackerOptions::default() }, 12);
        let mut seen = std::collections::BTreeSet::new();
        for (frames, boxes) in film {
            let detections: Vec<Detection> = boxes
                .iter()
                .map(|&(x, y, w, h, score, class)| Detection { class, score, rect: Rect::around(x, y, w, h), track: None })
                .collect();
            let tracked = tracker.update(&detections, frames).to_vec();
            let numbers: Vec<u32> = tracked.iter().filter_map(|found| found.track).collect();
            let distinct: std::collections::BTreeSet<u32> = numbers.iter().copied().collect();
            prop_assert_eq!(distinct.len(), numbers.len());
            seen.extend(distinct);
            let sure = |all: &[Detection]| all.iter().filter(|f| f.score >= 0.5).map(|f| (f.rect, f.score)).collect::<Vec<_>>();
            prop_assert_eq!(sure(&tracked), sure(&detections));
            prop_assert!(tracker.tracks().len() <= 20);
            prop_assert!(tracker.tracks().iter().all(|track| track.rect().is_finite()));
        }
        prop_assert!(seen.last().is_none_or(|&last| last <= tracker.confirmed()));
    }
}
