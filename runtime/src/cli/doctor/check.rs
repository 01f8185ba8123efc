//! What a check says.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be, or does not matter here.
    Ok,
    /// Works, but not as well as it could, or not everything.
    Warning,
    /// Something will not work, or is harmed.
    Problem,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    #[serde(rename = "check")]
    pub name: &'static str,
    pub status: Status,
    /// What was found.
    pub seen: String,
    /// What to do about it; lines.
    pub advice: Option<String>,
}

impl Check {
    pub fn ok(name: &'static str, seen: impl Into<String>) -> Check {
        Check { name, status: Status::Ok, seen: seen.into(), advice: None }
    }

    pub fn warning(name: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Check {
        Check { name, status: Status::Warning, seen: seen.into(), advice: Some(advice.into()) }
    }

    pub fn problem(name: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Check {
        Check { name, status: Status::Problem, seen: seen.into(), advice: Some(advice.into()) }
    }
}
