//! Where things are published: names as people write them, turned into names that every program takes.

use crate::place::Places;

/// A name in small ASCII letters, digits and underscores. Umlauts become two letters, letters of other scripts their number,
/// so that two names stay two.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' | '0'..='9' => slug.push(letter),
            'ä' | 'æ' => slug += "ae",
            'ö' | 'ø' | 'œ' => slug += "oe",
            'ü' => slug += "ue",
            'ß' => slug += "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' => slug.push('a'),
            'ç' => slug.push('c'),
            'è' | 'é' | 'ê' | 'ë' => slug.push('e'),
            'ì' | 'í' | 'î' | 'ï' => slug.push('i'),
            'ñ' => slug.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' => slug.push('o'),
            'ù' | 'ú' | 'û' => slug.push('u'),
            letter if letter.is_alphanumeric() => slug += &format!("u{:x}", u32::from(letter)),
            _ if slug.ends_with('_') || slug.is_empty() => {}
            _ => slug.push('_'),
        }
    }
    slug.truncate(slug.trim_end_matches('_').len());
    slug
}

/// All topics of a device, and the slugs that they are made of.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    /// The device's slug.
    pub device: String,
    /// The slugs of zones, in their order; no two are the same.
    pub zones: Vec<String>,
    /// The same for lines.
    pub lines: Vec<String>,
    base: String,
}

impl Topics {
    pub fn new(prefix: &str, device: &str, places: &Places) -> Topics {
        let device = slug(device);
        let zones = distinct(places.zones.iter().map(|zone| slug(&zone.name)));
        let lines = distinct(places.lines.iter().map(|line| slug(&line.name)));
        Topics { base: format!("{prefix}/{device}"), device, zones, lines }
    }

    pub fn status(&self) -> String {
        format!("{}/status", self.base)
    }

    pub fn event(&self) -> String {
        format!("{}/event", self.base)
    }

    pub fn diagnostics(&self) -> String {
        format!("{}/diagnostics", self.base)
    }

    pub fn zone(&self, zone: usize) -> String {
        format!("{}/zone/{}", self.base, self.zones[zone])
    }

    pub fn line(&self, line: usize) -> String {
        format!("{}/line/{}", self.base, self.lines[line])
    }
}

/// Slugs that are there already get a number, and so do names without letters.
fn distinct(slugs: impl Iterator<Item = String>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for slug in slugs {
        let slug = if slug.is_empty() { "place".into() } else { slug };
        let numbered = (2..).map(|number| format!("{slug}_{number}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|slug| !taken.contains(slug));
        taken.extend(free);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, expected) in [
            ("door", "door"),
            ("Front door", "front_door"),
            ("Haustür (außen)", "haustuer_aussen"),
            ("a/b#+", "a_b"),
            ("café 2", "cafe_2"),
            ("门", "u95e8"),
            ("--", ""),
        ] {
            assert_eq!(slug(name), expected, "{name}");
        }
    }

    #[test]
    fn no_two_places_share_a_topic() {
        let slugs = ["a b", "a-b", "!", "a_b_2", "?"].map(slug);
        assert_eq!(distinct(slugs.into_iter()), ["a_b", "a_b_2", "place", "a_b_2_2", "place_2"]);
    }
}
