//! The header of an `.npy` file: a Python dictionary of element type, order of axes and shape.

use std::fmt;
use std::str::FromStr;

use super::NpyError;

/// The order of an element's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The least significant byte first.
    Little,
    /// The most significant byte first.
    Big,
}

/// What a file says about its array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// NumPy's name of the element type without its byte order: `f4`, `u1`, …
    pub element: String,
    /// The order of an element's bytes.
    pub byte_order: ByteOrder,
    /// Whether the first axis runs fastest, as in Fortran, rather than the last, as in C.
    pub fortran_order: bool,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
}

impl Header {
    /// The header of an array in C order.
    pub(super) fn little_endian(element: &str, shape: &[usize]) -> Header {
        Header {
            element: element.to_owned(),
            byte_order: ByteOrder::Little,
            fortran_order: false,
            shape: shape.to_owned(),
        }
    }

    /// The number of elements.
    pub(super) fn len(&self) -> Result<usize, NpyError> {
        let len = self.shape.iter().try_fold(1usize, |len, &axis| len.checked_mul(axis));
        len.ok_or_else(|| NpyError::Format(format!("its shape {:?} is too large", self.shape)))
    }

    /// The axes in the order in which they run in the file, the slowest first.
    pub fn axes(&self) -> Vec<usize> {
        let axes = 0..self.shape.len();
        if self.fortran_order { axes.rev().collect() } else { axes.collect() }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.byte_order {
            // A single byte has no order.
            _ if self.element.ends_with('1') => '|',
            ByteOrder::Little => '<',
            ByteOrder::Big => '>',
        };
        let fortran = if self.fortran_order { "True" } else { "False" };
        write!(f, "{{'descr': '{order}{}', 'fortran_order': {fortran}, 'shape': (", self.element)?;
        match self.shape.as_slice() {
            [axis] => write!(f, "{axis},")?,
            axes => axes.iter().enumerate().try_for_each(|(index, axis)| {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{axis}")
            })?,
        }
        f.write_str("), }")
    }
}

impl FromStr for Header {
    type Err = NpyError;

    fn from_str(text: &str) -> Result<Header, NpyError> {
        let mut text = Text(text);
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        text.expect('{')?;
        while !text.accept('}') {
            let key = text.string()?;
            text.expect(':')?;
            match key {
                "descr" => descr = Some(text.string()?),
                "fortran_order" => fortran_order = Some(text.boolean()?),
                "shape" => shape = Some(text.shape()?),
                _ => return Err(NpyError::Format(format!("its header has an unknown key `{key}`"))),
            }
            if !text.accept(',') {
                text.expect('}')?;
                break;
            }
        }
        let missing = |key| move || NpyError::Format(format!("its header lacks `{key}`"));
        let descr = descr.ok_or_else(missing("descr"))?;
        let (byte_order, element) = match descr.split_at_checked(1) {
            Some(("<" | "|" | "=", element)) => (ByteOrder::Little, element),
            Some((">", element)) => (ByteOrder::Big, element),
            _ => return Err(NpyError::Format(format!("its element type is `{descr}`"))),
        };
        Ok(Header {
            element: element.to_owned(),
            byte_order,
            fortran_order: fortran_order.ok_or_else(missing("fortran_order"))?,
            shape: shape.ok_or_else(missing("shape"))?,
        })
    }
}

/// The part of a header that is still to be read.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn accept(&mut self, mark: char) -> bool {
        let rest = self.0.trim_start().strip_prefix(mark);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, mark: char) -> Result<(), NpyError> {
        if self.accept(mark) { Ok(()) } else { Err(self.wrong(&format!("`{mark}`"))) }
    }

    fn wrong(&self, wanted: &str) -> NpyError {
        let here: String = self.0.trim().chars().take(20).collect();
        NpyError::Format(format!("its header lacks {wanted} at `{here}`"))
    }

    fn string(&mut self) -> Result<&'a str, NpyError> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'));
        let parts = quote.and_then(|quote| text[1..].split_once(quote));
        let (string, rest) = parts.ok_or_else(|| self.wrong("a string"))?;
        self.0 = rest;
        Ok(string)
    }

    fn word(&mut self) -> &'a str {
        let text = self.0.trim_start();
        let (word, rest) = text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len()));
        self.0 = rest;
        word
    }

    fn boolean(&mut self) -> Result<bool, NpyError> {
        match self.word() {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(self.wrong("`True` or `False`")),
        }
    }

    fn shape(&mut self) -> Result<Vec<usize>, NpyError> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            shape.push(self.word().parse().map_err(|_| self.wrong("the length of an axis"))?);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_writers_order_and_space_as_they_like() {
        let header: Header = "{\"shape\":(2,3) , 'fortran_order' :True,'descr':'>f4'}\n".parse().unwrap();
        let expected =
            Header { element: "f4".into(), byte_order: ByteOrder::Big, fortran_order: true, shape: vec![2, 3] };
        assert_eq!(header, expected);
        assert_eq!(header.axes(), [1, 0]);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let error = |text: &str| text.parse::<Header>().unwrap_err().to_string();
        assert!(error("{'descr': '<f4', 'shape': (2,)}").contains("fortran_order"));
        assert!(
            error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}").contains("a string at `[('a'")
        );
        assert!(error("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}").contains("length of an axis"));
        assert!(error("{'colour': 'red'}").contains("colour"));
        assert!(error("").contains("`{`"));
    }

    proptest! {
        #[test]
        fn a_header_reads_as_it_was_written(shape in prop::collection::vec(0usize..1000, 0..5), fortran_order: bool) {
            let header = Header { element: "f4".into(), byte_order: ByteOrder::Little, fortran_order, shape };
            prop_assert_eq!(header.to_string().parse::<Header>().unwrap(), header);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[{}(),:'\"<f4a-zTé0-9 ]{0,60}") {
            let _ = text.parse::<Header>();
        }
    }
}
