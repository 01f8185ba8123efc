//! What the screen says beside the picture: how the service fares, and why there is no new picture.

/// How the service fares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Status {
    /// Frames a second; 0 where that is not known yet.
    pub rate: f64,
    /// The processor's temperature in °C, where there is a sensor.
    pub temperature: Option<f32>,
    /// Whether no frames come.
    pub is_lost: bool,
}

/// Why there is no new picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There was none yet.
    Waiting,
    /// No frames come any more.
    CameraLost,
    /// The program has ended.
    Stopped,
}

impl Notice {
    /// What the screen says.
    pub fn words(self) -> &'static str {
        match self {
            Notice::Waiting => "NO PICTURE YET",
            Notice::CameraLost => "CAMERA LOST",
            Notice::Stopped => "STOPPED",
        }
    }
}
