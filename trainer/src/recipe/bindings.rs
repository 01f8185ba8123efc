//! The tables of `[[distil.bindings]]`: each has the keys of a binding, with defaults that go by its loss.

use toml::{Table, Value};

use super::merge::{KeyError, merge};
use crate::bindings::Loss;

/// Fills in what each binding does not say.
pub(super) fn complete(recipe: &mut Table) -> Result<(), KeyError> {
    let list = recipe.get_mut("distil").and_then(|distil| distil.get_mut("bindings"));
    let Some(Value::Array(list)) = list else { return Ok(()) };
    for (place, value) in list.iter_mut().enumerate() {
        let key = |name: &str| format!("distil.bindings[{place}]{name}");
        let Value::Table(given) = value else {
            return Err(KeyError::Type { key: key(""), expected: "table", found: value.type_str() });
        };
        let loss = given.get("loss").cloned();
        let loss: Option<Loss> = loss.and_then(|loss| loss.try_into().ok());
        let known = || Loss::ALL.map(Loss::name).join(", ");
        let unknown = || KeyError::Invalid { key: key(".loss"), reason: format!("is to be one of {}", known()) };
        let usual = Table::try_from(loss.ok_or_else(unknown)?.usual());
        let mut usual = usual.map_err(|error| KeyError::Invalid { key: key(""), reason: error.to_string() })?;
        merge(&mut usual, std::mem::take(given)).map_err(|error| error.below(&key(".")))?;
        *value = Value::Table(usual);
    }
    Ok(())
}
