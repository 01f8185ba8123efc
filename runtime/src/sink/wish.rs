//! Which events somebody wants to hear of: `entered`, `entered:door`, `crossed:gate:in`, `*`.

use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::place::{Event, Places, What};

/// One pattern; that which wants everything by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    word: Option<&'static str>,
    place: Option<String>,
    way: Option<String>,
}

impl Wish {
    /// Whether an event at some of `places` is wanted.
    pub fn matches(&self, event: &Event, places: &Places) -> bool {
        let names = places.names(&event.what);
        self.word.is_none_or(|word| word == event.what.word())
            && self.place.as_deref().is_none_or(|wanted| Some(wanted) == names.zone.or(names.line))
            && self.way.as_deref().is_none_or(|wanted| Some(wanted) == names.way)
    }

    /// Requires that there is such a place, and that it can do that.
    ///
    /// # Errors
    /// What there is not, and what there is.
    pub fn check(&self, places: &Places) -> Result<(), String> {
        let Some(name) = &self.place else { return Ok(()) };
        let crosses = self.word == Some("crossed");
        let line = places.lines.iter().find(|line| line.name == *name);
        let found = match self.word {
            Some(_) if crosses => line.is_some(),
            Some(_) => places.zones.iter().any(|zone| zone.name == *name),
            None => line.is_some() || places.zones.iter().any(|zone| zone.name == *name),
        };
        if !found {
            let names: Vec<&str> = match crosses {
                true => places.lines.iter().map(|line| line.name.as_str()).collect(),
                false => places.zones.iter().map(|zone| zone.name.as_str()).collect(),
            };
            let kind = if crosses { "line" } else { "zone" };
            return Err(format!("there is no {kind} `{name}`; there are: {}", names.join(", ")));
        }
        match (&self.way, line) {
            (Some(way), Some(line)) if line.forward != *way && line.backward != *way => {
                Err(format!("line `{name}` has no way `{way}`, but `{}` and `{}`", line.forward, line.backward))
            }
            _ => Ok(()),
        }
    }
}

/// Whether any of the wishes matches.
pub fn wanted(wishes: &[Wish], event: &Event, places: &Places) -> bool {
    wishes.iter().any(|wish| wish.matches(event, places))
}

/// What is wished for where nothing is said: that something enters.
pub(super) fn entered() -> Vec<Wish> {
    vec![Wish { word: Some("entered"), ..Wish::default() }]
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Wish, String> {
        let mut parts = text.split(':').map(str::trim);
        let word = match parts.next().unwrap_or_default() {
            "*" => None,
            word => Some(What::WORDS.into_iter().find(|known| *known == word).ok_or_else(|| {
                format!("`{word}` is no event; there are: {}, and * for all", What::WORDS.join(", "))
            })?),
        };
        let mut named = || parts.next().filter(|part| !part.is_empty() && *part != "*").map(String::from);
        let (place, way) = (named(), named());
        match (parts.next(), &way, word) {
            (Some(_), ..) => Err(format!("`{text}` has too many parts; write it as crossed:gate:in")),
            (_, Some(_), Some(word)) if word != "crossed" => Err(format!("only `crossed` has a way, not `{word}`")),
            _ => Ok(Wish { word, place, way }),
        }
    }
}

impl<'de> Deserialize<'de> for Wish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wish, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::happening::tests::{event, places};
    use super::*;
    use crate::place::Way;

    #[test]
    fn patterns_match_by_word_place_and_way() {
        let places = places();
        let matches = |wish: &str, what| wish.parse::<Wish>().unwrap().matches(&event(what), &places);
        let entered = What::Entered { zone: 0 };
        let crossed = What::Crossed { line: 0, way: Way::Forward };
        for (wish, enters, crosses) in [
            ("*", true, true),
            ("entered", true, false),
            ("entered:door", true, false),
            ("entered:gate", false, false),
            ("*:door", true, false),
            ("crossed:gate", false, true),
            ("crossed:*:in", false, true),
            ("crossed:gate:out", false, false),
        ] {
            assert_eq!((matches(wish, entered), matches(wish, crossed)), (enters, crosses), "{wish}");
        }
        assert!(matches("left", What::Left { zone: 0, dwell: Duration::ZERO }));
    }

    #[test]
    fn slips_are_refused_with_what_there_is() {
        let refused = |text: &str| text.parse::<Wish>().unwrap_err();
        assert!(refused("enterd").contains("entered, stayed, left, crossed"));
        assert!(refused("crossed:gate:in:now").contains("too many"));
        assert!(refused("entered:door:in").contains("has a way"));
        let checked = |text: &str| text.parse::<Wish>().unwrap().check(&places());
        assert!(checked("entered:door").is_ok() && checked("crossed:gate:in").is_ok() && checked("*").is_ok());
        assert_eq!(checked("entered:gate").unwrap_err(), "there is no zone `gate`; there are: door");
        assert_eq!(checked("crossed:gate:up").unwrap_err(), "line `gate` has no way `up`, but `in` and `out`");
    }
}
