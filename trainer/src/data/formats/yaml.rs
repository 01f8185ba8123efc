//! As much YAML as there is in the `data.yaml` of YOLO sets: keys at the left edge with a text, a list of texts or numbered
//! texts, in lines or in brackets. Deeper structures (`augment:`, `roboflow:`) are passed over. The crates for all of YAML are
//! unmaintained or large.

use std::collections::BTreeMap;

/// What a key has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// One text; numbers are texts here.
    Text(String),
    /// `[a, b]`, or lines with `- a`.
    List(Vec<String>),
    /// `{0: a, 1: b}`, or indented lines with `0: a`.
    Map(Vec<(String, String)>),
}

/// The keys at the left edge.
///
/// # Errors
/// The line that cannot be understood, and why.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Value>, String> {
    let mut keys = BTreeMap::new();
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, uncommented(line))).peekable();
    while let Some((at, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with(['-', '%', '.', ' ', '\t']) {
            continue;
        }
        let (key, rest) = line.split_once(':').ok_or_else(|| format!("line {at}: `{line}` has no key and colon"))?;
        let mut rest = rest.trim().to_string();
        let closing = match rest.chars().next() {
            Some('[') => Some(']'),
            Some('{') => Some('}'),
            _ => None,
        };
        let value = if let Some(closing) = closing {
            while !rest.ends_with(closing) {
                let (_, more) = lines.next().ok_or_else(|| format!("line {at}: `{key}` misses its `{closing}`"))?;
                rest = format!("{rest} {}", more.trim());
            }
            let parts = split(&rest[1..rest.len() - 1]);
            match closing {
                ']' => Value::List(parts.iter().map(|part| unquoted(part)).collect()),
                _ => Value::Map(parts.iter().filter_map(|part| pair(part)).collect()),
            }
        } else if rest.is_empty() {
            let (mut list, mut map) = (Vec::new(), Vec::new());
            while let Some((_, line)) = lines.next_if(|(_, line)| line.is_empty() || line.starts_with([' ', '\t', '-']))
            {
                let line = line.trim();
                if let Some(entry) = line.strip_prefix("- ") {
                    list.push(unquoted(entry));
                } else {
                    map.extend(pair(line));
                }
            }
            if list.is_empty() { Value::Map(map) } else { Value::List(list) }
        } else {
            Value::Text(unquoted(&rest))
        };
        keys.insert(unquoted(key), value);
    }
    Ok(keys)
}

/// A line without its comment and without spaces at its end. `#` begins one at the start of a line or after a space.
fn uncommented(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return line[..at].trim_end(),
            (None, '\'' | '"') if !before.is_alphanumeric() => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    line.trim_end()
}

/// Parts between commas that are not within quotes.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (None, ',') => {
                parts.push(String::new());
                continue;
            }
            (None, '\'' | '"')
                if parts.last().is_none_or(|part| part.trim().is_empty() || part.trim().ends_with(':')) =>
            {
                quote = Some(c);
            }
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once(':')?;
    Some((unquoted(key), unquoted(value)))
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            let doubled: String = [quote, quote].iter().collect();
            return if quote == '\'' { inner.replace(&doubled, "'") } else { inner.replace("\\\"", "\"") };
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(parts: &[&str]) -> Value {
        Value::List(parts.iter().map(|&part| part.into()).collect())
    }

    #[test]
    fn the_usual_forms_are_understood() {
        let text = "# a set\n%YAML 1.2\n---\npath: ../set  # where\ntrain: images/train\nval:\n  - a/images\n  - 'b #1'\n\nnc: 3\n\
            names: ['traffic light', \"stop, sign\",\n   it's]\nroboflow:\n  workspace: x\n  deeper:\n    - y\n";
        let keys = parse(text).expect("YAML");
        assert_eq!(keys["path"], Value::Text("../set".into()));
        assert_eq!(keys["val"], list(&["a/images", "b #1"]));
        assert_eq!(keys["names"], list(&["traffic light", "stop, sign", "it's"]));
        assert_eq!(keys["nc"], Value::Text("3".into()));
        let keys =
            parse("names:\n  0: person\n  1: 'dog''s'\nlist:\n- a\n- b\nmap: {0: x, 1: \"y, z\"}\n").expect("YAML");
        let map = |pairs: &[(&str, &str)]| Value::Map(pairs.iter().map(|&(a, b)| (a.into(), b.into())).collect());
        assert_eq!(keys["names"], map(&[("0", "person"), ("1", "dog's")]));
        assert_eq!(keys["list"], list(&["a", "b"]));
        assert_eq!(keys["map"], map(&[("0", "x"), ("1", "y, z")]));
    }

    #[test]
    fn what_is_not_understood_is_named_by_its_line() {
        assert!(parse("a: 1\nnonsense\n").expect_err("no colon").starts_with("line 2"));
        assert!(parse("names: [a,\nb\n").expect_err("open").contains("`]`"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[a-c:\\[\\]{}'\"#, \\-\n\t0-2]{0,60}") {
            let _ = parse(&text);
        }
    }
}
