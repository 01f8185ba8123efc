//! What every command that reads frames asks of their source.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::source::{Options, Stop, Wanted, parse_size};

/// How to read from the source.
#[derive(Clone, Debug, Default, Args)]
pub struct Capture {
    /// End after this many frames.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Take frames of this size from a camera. Without it, the smallest that covers the model's input.
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<[usize; 2]>,
    /// Take about so many frames a second from a camera.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub fps: Option<u32>,
    /// Take this pixel format from a camera, as YUYV or MJPG. `retort cameras` lists what each offers.
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// A camera or stream that delivers no frame for so long is lost.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub timeout: Duration,
    /// What to do once a camera or stream is lost.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub once_lost: OnceLost,
    /// Print at the end, on standard error: frames, drops, reconnects, rate, latency, allocations, memory.
    #[arg(long)]
    pub stats: bool,
}

/// What to do once a source is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnceLost {
    /// Look for it again, less and less often.
    #[default]
    Reconnect,
    /// End with an error.
    Exit,
}

impl Capture {
    /// The same for the source, which reads for a model of this input.
    pub fn options(&self, input: Option<[usize; 2]>, stop: Stop) -> Options {
        Options {
            wanted: Wanted { covers: input, size: self.size, rate: self.fps, format: self.format.clone() },
            timeout: self.timeout,
            reconnect: self.once_lost == OnceLost::Reconnect,
            stop,
            ..Options::default()
        }
    }
}

fn size(text: &str) -> Result<[usize; 2], String> {
    parse_size(text).ok_or_else(|| "must be a width and a height, as 640x480".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "must be a number of seconds from 0.01 to 86400".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_seconds_are_read_and_refused() {
        assert_eq!(size("640x480"), Ok([640, 480]));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "640", "0x1", "axb", "nan", "-1", "1e9"] {
            assert!(size(wrong).is_err(), "{wrong}");
            assert!(seconds(wrong).is_err() || wrong == "640", "{wrong}");
        }
    }
}
