//! Laying one TOML table over another that says which keys exist and of what type they are.

use retort::contract::edits;
use toml::{Table, Value};

/// A key that does not fit.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no key `{key}`{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    Unknown {
        /// As it was written.
        key: String,
        /// The key that looks most like it, if any does.
        suggestion: Option<String>,
    },
    /// The value is of another type.
    #[error("`{key}` is to be of type {expected}, but is of type {found}")]
    Type {
        /// The key.
        key: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The value cannot be used.
    #[error("`{key}` {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// Why not, and what would do.
        reason: String,
    },
    /// Not of the form `key=value`.
    #[error("`{0}` is not of the form key=value, such as learning.steps=500")]
    Pair(String),
}

impl KeyError {
    /// The same of a key within another.
    pub(super) fn below(self, prefix: &str) -> KeyError {
        let below = |key: String| format!("{prefix}{key}");
        match self {
            KeyError::Unknown { key, suggestion } => {
                KeyError::Unknown { key: below(key), suggestion: suggestion.map(below) }
            }
            KeyError::Type { key, expected, found } => KeyError::Type { key: below(key), expected, found },
            KeyError::Invalid { key, reason } => KeyError::Invalid { key: below(key), reason },
            pair @ KeyError::Pair(_) => pair,
        }
    }
}

/// Tables whose keys are names of layers, which nobody knows beforehand.
const OPEN: [&str; 2] = ["student.channels", "teacher.channels"];

/// Lays `given` over `base`, whose keys are all there are but for those of open tables.
pub fn merge(base: &mut Table, given: Table) -> Result<(), KeyError> {
    let mut known = Vec::new();
    paths(base, "", &mut known);
    lay(base, given, "", &known)
}

fn lay(base: &mut Table, given: Table, prefix: &str, known: &[String]) -> Result<(), KeyError> {
    for (name, value) in given {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if OPEN.contains(&key.as_str()) {
            let found = value.type_str();
            let Value::Table(given) = value else { return Err(KeyError::Type { key, expected: "table", found }) };
            let slot = base.entry(name).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(base) = slot {
                base.extend(given);
            }
            continue;
        }
        let Some(slot) = base.get_mut(&name) else {
            let near = known.iter().map(|k| (edits(k, &key), k)).min();
            let suggestion = near.filter(|(d, k)| *d <= k.len() / 3 + 1).map(|(_, k)| k.clone());
            return Err(KeyError::Unknown { key, suggestion });
        };
        match (slot, value) {
            (Value::Table(base), Value::Table(given)) => lay(base, given, &key, known)?,
            // A whole number will do where a fraction may stand.
            (slot @ Value::Float(_), Value::Integer(whole)) => *slot = Value::Float(whole as f64),
            (slot, value) if slot.same_type(&value) => *slot = value,
            (slot, value) => {
                return Err(KeyError::Type { key, expected: slot.type_str(), found: value.type_str() });
            }
        }
    }
    Ok(())
}

fn paths(table: &Table, prefix: &str, out: &mut Vec<String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if let Value::Table(inner) = value {
            paths(inner, &key, out);
        }
        out.push(key);
    }
}

/// Reads `a.b=value`. The value is TOML; what is not TOML is taken for a string.
pub fn parse_override(pair: &str) -> Result<Table, KeyError> {
    let (key, value) = pair.split_once('=').ok_or_else(|| KeyError::Pair(pair.to_owned()))?;
    let value = match format!("v = {value}").parse::<Table>() {
        Ok(mut table) => table.remove("v").unwrap_or(Value::Boolean(false)),
        Err(_) => Value::String(value.to_owned()),
    };
    let names: Vec<&str> = key.trim().split('.').collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err(KeyError::Pair(pair.to_owned()));
    }
    let wrap = |inner: Value, name: &&str| Value::Table(Table::from_iter([((*name).to_owned(), inner)]));
    match names.iter().rev().fold(value, wrap) {
        Value::Table(table) => Ok(table),
        _ => Err(KeyError::Pair(pair.to_owned())),
    }
}
