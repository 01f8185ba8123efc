//! Losses and reconnections, by a source with faults and a clock of its own.

use super::super::faults::{Event, Stage};
use super::*;
use Event::*;

fn open(stage: &Stage) -> Result<Inner<Stage, Stage>, Error> {
    let options = Options { stop: stage.stop.clone(), ..Options::default() };
    Inner::open("camera:0", stage.clone(), &options, stage.clone())
}

/// The numbers of frames and the texts of errors, up to the end.
fn film(source: &mut Inner<Stage, Stage>) -> Vec<String> {
    let mut film = Vec::new();
    loop {
        match source.next_shot() {
            Ok(Some(shot)) => film.push(format!("{} of {}", shot.frame.sequence(), shot.frame.width())),
            Ok(None) => return film,
            Err(error @ Error::Lost { .. }) => film.push(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }
}

fn seconds(waits: &[Duration]) -> Vec<f64> {
    waits.iter().map(Duration::as_secs_f64).collect()
}

#[test]
fn what_was_never_there_is_not_waited_for() {
    let stage = Stage::new([Missing("there is no camera")]);
    let error = open(&stage).err().unwrap().to_string();
    assert_eq!(error, "camera:0: there is no camera");
    assert!(stage.slept().is_empty());
}

#[test]
fn gaps_in_the_numbers_are_dropped_frames() {
    let stage = Stage::new([Found, Frame(3, 8), Frame(4, 8), Frame(9, 8), Ends]);
    let mut source = open(&stage).unwrap();
    assert_eq!(film(&mut source), ["3 of 8", "4 of 8", "9 of 8"]);
    assert_eq!(source.losses, Losses { dropped: 4, reconnects: 0 });
}

#[test]
fn an_unplugged_camera_goes_on_by_itself_even_with_another_size() {
    let stage = Stage::new([
        Found,
        Frame(0, 8),
        Frame(1, 8),
        Fails("No such device"),
        Missing("it is not there"),
        Found,
        Frame(0, 16),
        Frame(2, 16),
        Ends,
    ]);
    let mut source = open(&stage).unwrap();
    assert_eq!(
        film(&mut source),
        [
            "0 of 8",
            "1 of 8",
            "camera:0: No such device; looking for it again in 0.5 s",
            "camera:0: it is not there; looking for it again in 1 s",
            "2 of 16",
            "4 of 16",
        ]
    );
    assert_eq!(source.losses, Losses { dropped: 1, reconnects: 1 });
    assert_eq!(seconds(&stage.slept()), [0.5, 1.0]);
}

#[test]
fn waits_double_up_to_ten_seconds_until_a_frame_comes() {
    let script = [Found].into_iter().chain(std::iter::repeat_n([Stalls, Found], 7).flatten());
    let stage = Stage::new(script.chain([Frame(0, 1), Stalls, Found, Frame(0, 1), Ends]));
    let mut source = open(&stage).unwrap();
    let film = film(&mut source);
    assert_eq!(film[0], "camera:0: no frame for 5 s; looking for it again in 0.5 s");
    assert_eq!(film[8], "camera:0: no frame for 5 s; looking for it again in 0.5 s");
    // A camera that can be opened but never delivers is asked no more often than one that is away.
    assert_eq!(seconds(&stage.slept()), [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 0.5]);
    assert_eq!(source.losses.reconnects, 8);
    assert_eq!(stage.now(), Duration::from_secs_f64(36.0 + 8.0 * 5.0));
}

#[test]
fn without_reconnection_a_loss_is_said_without_a_promise() {
    let stage = Stage::new([Found, Stalls]);
    let options = Options { reconnect: false, stop: stage.stop.clone(), ..Options::default() };
    let mut source = Inner::open("camera:0", stage.clone(), &options, stage.clone()).unwrap();
    assert_eq!(source.next_shot().unwrap_err().to_string(), "camera:0: no frame for 5 s");
}

#[test]
fn ctrl_c_ends_the_film_wherever_it_is() {
    let stage = Stage::new([Found, Frame(0, 1), Stopped]);
    let mut source = open(&stage).unwrap();
    assert_eq!(film(&mut source), ["0 of 1"]);
    let stage = Stage::new([Found, Fails("gone")]);
    let mut source = open(&stage).unwrap();
    assert!(source.next_shot().is_err());
    stage.stop.raise();
    assert_eq!(film(&mut source), [""; 0]);
    assert!(stage.slept().is_empty(), "nobody looks for the camera any more");
    drop(source);
    assert_eq!(stage.open_links(), 0);
}
