use super::*;
use crate::place::line::Ends;
use crate::place::{Anchor, Classes, Polygon};
use crate::vision::tracking::{Tracker, TrackerOptions};

const SIZE: [usize; 2] = [200, 100];

fn places() -> Places {
    let area = Polygon::new(vec![[0.4, 0.0], [0.8, 0.0], [0.8, 1.0], [0.4, 1.0]]).unwrap();
    let zone = |name: &str, classes| Zone { classes: Classes::of(classes), ..Zone::new(name, area.clone()) };
    let line = Line { anchor: Anchor::Centre, ..Line::new("gate", Ends::new([0.5, 1.0], [0.5, 0.0]).unwrap()) };
    Places { zones: vec![zone("all", vec![]), zone("second", vec![1])], lines: vec![line], masks: vec![] }
}

/// What happens while objects of classes move along: each frame has the left edges of their boxes, 20 × 40 pixels.
fn events(scene: &mut Scene, walk: &[&[(u32, f32)]]) -> Vec<(u64, u32, What)> {
    let mut tracker = Tracker::new(TrackerOptions { keep: 2, ..TrackerOptions::default() }, 16);
    let mut all = Vec::new();
    for (frame, boxes) in (0u64..).zip(walk) {
        let found: Vec<Detection> = boxes
            .iter()
            .map(|&(class, left)| {
                let rect = Rect { left, top: 20.0, right: left + 20.0, bottom: 60.0 };
                Detection { class, score: 0.9, rect, track: None }
            })
            .collect();
        tracker.update(&found, 1);
        let now = Duration::from_millis(100 * frame);
        let events = scene.update(tracker.tracks(), SIZE, frame, now);
        all.extend(events.iter().map(|event| (event.frame, event.track, event.what)));
    }
    all
}

#[test]
fn a_walk_through_the_picture_enters_crosses_and_leaves() {
    let mut scene = Scene::new(places(), 8);
    // Of two walkers the second stands outside all the time.
    let walk: Vec<Vec<(u32, f32)>> = (0..20).map(|i| vec![(0, 40.0 + 8.0 * i as f32), (1, 10.0)]).collect();
    let walk: Vec<&[(u32, f32)]> = walk.iter().map(Vec::as_slice).collect();
    let happened = events(&mut scene, &walk);
    let words: Vec<(&str, u32)> = happened.iter().map(|(_, track, what)| (what.word(), *track)).collect();
    assert_eq!(words, [("entered", 1), ("crossed", 1), ("left", 1)]);
    assert!(matches!(happened[1].2, What::Crossed { line: 0, way: Way::Forward }));
    assert_eq!(scene.occupancy(), [Occupancy { now: 0, entered: 1 }, Occupancy::default()]);
    assert_eq!(scene.crossings(), [Crossings { forward: 1, backward: 0 }]);
}

#[test]
fn zones_for_a_class_do_not_see_others() {
    let mut scene = Scene::new(places(), 8);
    assert_eq!(events(&mut scene, &[&[(1, 100.0)], &[(1, 100.0)]]).len(), 2);
    assert_eq!(scene.occupancy().iter().map(|zone| zone.now).collect::<Vec<_>>(), [1, 1]);
    let mut scene = Scene::new(places(), 8);
    assert_eq!(events(&mut scene, &[&[(0, 100.0)], &[(0, 100.0)]]).len(), 1);
    assert_eq!(scene.occupancy().iter().map(|zone| zone.now).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn who_is_not_seen_for_a_moment_stays_and_who_is_lost_has_left() {
    let mut scene = Scene::new(places(), 8);
    let there: &[(u32, f32)] = &[(0, 100.0)];
    let happened = events(&mut scene, &[there, there, &[], &[], there, there, &[], &[], &[], &[]]);
    let ms = Duration::from_millis;
    assert_eq!(
        happened,
        [(0, 1, What::Entered { zone: 0 }), (8, 1, What::Left { zone: 0, dwell: ms(500) })],
        "the dwell ends where it was last seen"
    );
    assert_eq!(scene.occupancy()[0], Occupancy { now: 0, entered: 1 });
}

#[test]
fn totals_outlive_a_change_of_places() {
    let mut scene = Scene::new(places(), 8);
    events(&mut scene, &[&[(0, 100.0)]]);
    let mut changed = places();
    changed.zones.remove(1);
    changed.zones.push(Zone { name: "new".into(), ..changed.zones[0].clone() });
    let mut next = Scene::new(changed, 8);
    next.inherit(&scene);
    assert_eq!(next.occupancy().iter().map(|zone| zone.entered).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn more_tracks_than_there_is_room_for_are_no_trouble() {
    let mut scene = Scene::new(places(), 1);
    let two: &[(u32, f32)] = &[(0, 100.0), (1, 130.0)];
    assert_eq!(events(&mut scene, &[two, two]).len(), 1);
}

#[test]
fn what_a_mask_covers_does_not_count() {
    let mut places = places();
    places.masks.push(Mask { area: places.zones[0].area.clone(), anchor: Anchor::Feet, hide: false });
    let found = |left: f32| {
        let rect = Rect { left, top: 20.0, right: left + 20.0, bottom: 60.0 };
        Detection { class: 0, score: 0.9, rect, track: None }
    };
    assert!(places.count(&found(10.0), SIZE) && !places.count(&found(100.0), SIZE));
}
