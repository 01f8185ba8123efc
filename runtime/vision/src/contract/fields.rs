//! A contract's fields as dotted keys with values, from TOML or from metadata, taken one by one with typed errors.

use std::collections::{BTreeMap, BTreeSet};

use super::METADATA_PREFIX;
use super::nearest::nearest;
use crate::error::ContractError;

/// An enumeration whose values have names in a contract.
pub trait Named: Copy + PartialEq + 'static {
    /// All values with their names.
    const NAMES: &'static [(&'static str, Self)];

    /// The value's name.
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }
}

/// A value as it was given.
#[derive(Clone, Debug)]
enum Value {
    /// Typed, from TOML; never a table or a list of tables.
    Toml(toml::Value),
    /// Text, from metadata.
    Text(String),
}

/// Fields not yet taken, and the keys asked for so far.
#[derive(Debug)]
pub struct Fields {
    given: BTreeMap<String, Value>,
    asked: BTreeSet<String>,
}

/// An error about one key.
pub(crate) fn error(key: &str, problem: impl Into<String>) -> ContractError {
    ContractError { key: key.into(), problem: problem.into() }
}

impl Fields {
    /// Flattens a TOML document.
    pub(super) fn from_toml(text: &str) -> Result<Fields, ContractError> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            error(&format!("line {line}"), e.message().to_string())
        })?;
        let mut given = BTreeMap::new();
        for (key, value) in table {
            flatten(key, value, &mut given);
        }
        Ok(Fields { given, asked: BTreeSet::new() })
    }

    /// Takes the pairs under the prefix.
    pub(super) fn from_metadata(pairs: &[(String, String)]) -> Result<Fields, ContractError> {
        let mut given = BTreeMap::new();
        for (key, value) in pairs {
            let Some(key) = key.strip_prefix(METADATA_PREFIX) else { continue };
            if given.insert(key.to_string(), Value::Text(value.clone())).is_some() {
                return Err(error(key, "is given twice; remove one"));
            }
        }
        Ok(Fields { given, asked: BTreeSet::new() })
    }

    /// Whether nothing was given.
    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Whether a key, or one below it, is given and not yet taken.
    pub(super) fn has(&self, key: &str) -> bool {
        let below = format!("{key}.");
        self.given.keys().any(|given| given == key || given.starts_with(&below))
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.asked.insert(key.into());
        self.given.remove(key)
    }

    fn take_as<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, ContractError> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => {
                read(&value).map(Some).ok_or_else(|| error(key, format!("must be {wanted}, but is {}", show(&value))))
            }
        }
    }

    /// Text.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, ContractError> {
        self.take_as(key, "text", |value| match value {
            Value::Text(text) | Value::Toml(toml::Value::String(text)) => Some(text.clone()),
            Value::Toml(_) => None,
        })
    }

    /// A finite number.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, ContractError> {
        self.take_as(key, "a number", number)
    }

    /// A finite number in a range.
    pub(super) fn number_in(&mut self, key: &str, least: f64, most: f64) -> Result<Option<f64>, ContractError> {
        self.take_as(key, &format!("a number from {least} to {most}"), |value| {
            number(value).filter(|number| (least..=most).contains(number))
        })
    }

    /// A whole number in a range.
    pub(super) fn whole_in(&mut self, key: &str, least: u32, most: u32) -> Result<Option<u32>, ContractError> {
        self.take_as(key, &format!("a whole number from {least} to {most}"), |value| whole(value, least, most))
    }

    /// A value of an enumeration, by name.
    pub(super) fn named<T: Named>(&mut self, key: &str) -> Result<Option<T>, ContractError> {
        let Some(given) = self.text(key)? else { return Ok(None) };
        let found = T::NAMES.iter().find(|(name, _)| *name == given).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| unknown_name(key, &given, T::NAMES.iter().map(|(name, _)| *name)))
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, ContractError> {
        self.take_as(key, "a list of texts", |value| {
            list(value)?.into_iter().map(|item| item.as_str().map(str::to_string)).collect()
        })
    }

    /// A list of finite numbers; a single one is a list of one.
    pub(super) fn numbers(&mut self, key: &str) -> Result<Option<Vec<f32>>, ContractError> {
        self.take_as(key, "a list of numbers", |value| match number(value) {
            Some(single) => Some(vec![single as f32]),
            None => list(value)?.iter().map(json_f32).collect(),
        })
    }

    /// A list of lists of finite numbers.
    pub(super) fn number_lists(&mut self, key: &str) -> Result<Option<Vec<Vec<f32>>>, ContractError> {
        self.take_as(key, "a list of lists of numbers", |value| {
            list(value)?.iter().map(|row| row.as_array()?.iter().map(json_f32).collect()).collect()
        })
    }

    /// A list of whole numbers in a range.
    pub(super) fn wholes(&mut self, key: &str, least: u32, most: u32) -> Result<Option<Vec<u32>>, ContractError> {
        self.take_as(key, &format!("a list of whole numbers from {least} to {most}"), |value| {
            list(value)?
                .iter()
                .map(|item| u32::try_from(item.as_u64()?).ok().filter(|whole| (least..=most).contains(whole)))
                .collect()
        })
    }

    /// Everything below `prefix`, whose keys are free, as texts.
    pub(super) fn free_texts(&mut self, prefix: &str) -> Result<BTreeMap<String, String>, ContractError> {
        let mut all = BTreeMap::new();
        for key in self.below(prefix) {
            if let Some(text) = self.text(&key)? {
                all.insert(key[prefix.len() + 1..].to_string(), text);
            }
        }
        Ok(all)
    }

    /// Everything below `prefix`, whose keys are free, as numbers.
    pub(super) fn free_numbers(&mut self, prefix: &str) -> Result<BTreeMap<String, f64>, ContractError> {
        let mut all = BTreeMap::new();
        for key in self.below(prefix) {
            if let Some(number) = self.number(&key)? {
                all.insert(key[prefix.len() + 1..].to_string(), number);
            }
        }
        Ok(all)
    }

    fn below(&self, prefix: &str) -> Vec<String> {
        let below = format!("{prefix}.");
        self.given.keys().filter(|key| key.starts_with(&below)).cloned().collect()
    }

    /// A required field. Where it is missing but one of nearly its name is there, that is the one to correct.
    pub(super) fn required<T>(&self, key: &str, value: Option<T>, remedy: &str) -> Result<T, ContractError> {
        value.ok_or_else(|| {
            let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
            let siblings = self.given.keys().filter_map(|given| match given.rsplit_once('.') {
                Some((parent, sibling)) => (parent == table).then_some(sibling),
                None => table.is_empty().then_some(given),
            });
            match nearest(name, siblings) {
                Some(slip) => {
                    let slip = key.strip_suffix(name).unwrap_or_default().to_string() + slip;
                    error(&slip, format!("is not a key of this contract; did you mean `{key}`?"))
                }
                None => error(key, format!("is missing; {remedy}")),
            }
        })
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(self) -> Result<(), ContractError> {
        let Some(key) = self.given.keys().next() else { return Ok(()) };
        let known = self.asked.iter().map(String::as_str);
        Err(error(
            key,
            match nearest(key, known) {
                Some(name) => format!("is not a key of this contract; did you mean `{name}`?"),
                None => "is not a key of this contract; remove it".into(),
            },
        ))
    }
}

/// The error for a name outside an enumeration.
pub(super) fn unknown_name(key: &str, given: &str, names: impl Iterator<Item = &'static str> + Clone) -> ContractError {
    let all = names.clone().collect::<Vec<_>>().join(", ");
    let hint = nearest(given, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    error(key, format!("`{given}` is none of {all}{hint}"))
}

/// Tables become dotted keys, lists of tables numbered ones.
fn flatten(key: String, value: toml::Value, into: &mut BTreeMap<String, Value>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                flatten(format!("{key}.{name}"), value, into);
            }
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            for (index, value) in items.into_iter().enumerate() {
                flatten(format!("{key}.{index}"), value, into);
            }
        }
        leaf => {
            into.insert(key, Value::Toml(leaf));
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Text(text) => text.trim().parse().ok()?,
        Value::Toml(toml::Value::Integer(whole)) => *whole as f64,
        Value::Toml(toml::Value::Float(number)) => *number,
        Value::Toml(_) => return None,
    };
    number.is_finite().then_some(number)
}

fn whole(value: &Value, least: u32, most: u32) -> Option<u32> {
    let whole = match value {
        Value::Text(text) => text.trim().parse().ok()?,
        Value::Toml(value) => value.as_integer()?,
    };
    u32::try_from(whole).ok().filter(|whole| (least..=most).contains(whole))
}

fn json_f32(value: &serde_json::Value) -> Option<f32> {
    value.as_f64().map(|number| number as f32).filter(|number| number.is_finite())
}

/// The items of a list, whichever way it was written.
fn list(value: &Value) -> Option<Vec<serde_json::Value>> {
    let json = match value {
        Value::Text(text) => serde_json::from_str(text).ok()?,
        Value::Toml(value) => serde_json::to_value(value).ok()?,
    };
    match json {
        serde_json::Value::Array(items) => Some(items),
        _ => None,
    }
}

fn show(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => format!("`{text}`"),
        Value::Toml(value) => format!("`{value}`"),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…`", &text[..end]),
        None => text,
    }
}
