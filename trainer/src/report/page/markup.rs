//! Markup that is well-formed by construction: elements close themselves, and text cannot break out of its place.

/// XHTML-compatible HTML in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup(String);

/// Names and values.
pub type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Markup {
    /// An element and what is inside of it.
    pub fn with(&mut self, tag: &str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Markup)) {
        self.open(tag, attributes);
        self.0.push('>');
        inside(self);
        self.0 += &format!("</{tag}>");
        if matches!(
            tag,
            "section" | "table" | "tr" | "p" | "div" | "figure" | "li" | "ul" | "dl" | "svg" | "head" | "h2"
        ) {
            self.0.push('\n');
        }
    }

    /// An element with text in it.
    pub fn element(&mut self, tag: &str, attributes: Attributes<'_>, text: &str) {
        self.with(tag, attributes, |m| m.text(text));
    }

    /// An element that has nothing in it.
    pub fn empty(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.open(tag, attributes);
        self.0 += "/>";
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        self.0 += &escaped(text);
    }

    /// Markup that is well-formed already.
    pub fn raw(&mut self, markup: &str) {
        self.0 += markup;
    }

    /// What was made.
    pub fn finish(self) -> String {
        self.0
    }

    fn open(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.0 += &format!("<{tag}");
        for (name, value) in attributes {
            self.0 += &format!(" {name}=\"{}\"", escaped(value));
        }
    }
}

/// Text without what HTML and XML have a meaning for or do not allow.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' | '\t' => out.push(letter),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// A file's bytes as an address that holds them (RFC 2397), in base 64 (RFC 4648, section 4).
pub fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = format!("data:{media_type};base64,");
    out.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_stays_text() {
        let mut m = Markup::default();
        m.with("p", &[("title", "a\"b'<")], |m| m.text("</p><script>&\u{0}\u{fffe}\n"));
        let expected = "<p title=\"a&quot;b&#39;&lt;\">&lt;/p&gt;&lt;script&gt;&amp; \u{fffd}\n</p>\n";
        assert_eq!(m.finish(), expected);
    }

    #[test]
    fn base_64_as_the_rfc_has_it() {
        let of = |text: &str| data_uri("a/b", text.as_bytes());
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(of(text), format!("data:a/b;base64,{expected}"));
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_document_that_reads_back(text in any::<String>()) {
            let mut m = Markup::default();
            m.element("p", &[("title", &text)], &text);
            let document = m.finish();
            prop_assert!(roxmltree::Document::parse(&document).is_ok(), "{document:?}");
        }
    }
}
