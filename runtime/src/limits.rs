//! How large a model or a picture may be. What is larger is refused before memory or time goes into it, with an error that
//! says what was found, what the limit is, and how to raise it.
//!
//! The defaults lie far above any compact vision model and far below what would make a computer unusable. A program that
//! knows its models and its board may set them lower.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The most that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    values: [u64; Limit::ALL.len()],
}

/// What a limit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Bytes of a model's file.
    FileBytes,
    /// Nodes of a graph, and tensors that it takes or gives.
    Nodes,
    /// Axes of a tensor.
    Axes,
    /// Elements of a tensor.
    Elements,
    /// Bytes that the decoded file and the constants of a model take while it is loaded.
    LoadBytes,
    /// Bytes of working memory of a session.
    ArenaBytes,
    /// Multiply-accumulates of one run; where a step has none, the elements that it reads or writes count. What is
    /// computed once, while a model is loaded, may be a 64th of it.
    Macs,
    /// Pixels of a picture's longer side.
    PictureSide,
    /// Bytes that decoding a picture may take.
    PictureBytes,
}

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 9] = [
        Limit::FileBytes,
        Limit::Nodes,
        Limit::Axes,
        Limit::Elements,
        Limit::LoadBytes,
        Limit::ArenaBytes,
        Limit::Macs,
        Limit::PictureSide,
        Limit::PictureBytes,
    ];

    /// What the command line calls it.
    pub fn key(self) -> &'static str {
        match self {
            Limit::FileBytes => "file-bytes",
            Limit::Nodes => "nodes",
            Limit::Axes => "axes",
            Limit::Elements => "elements",
            Limit::LoadBytes => "load-bytes",
            Limit::ArenaBytes => "arena-bytes",
            Limit::Macs => "macs",
            Limit::PictureSide => "picture-side",
            Limit::PictureBytes => "picture-bytes",
        }
    }

    /// What it is unless something else is said.
    pub const fn default(self) -> u64 {
        match self {
            Limit::FileBytes => 1 << 30,
            Limit::Nodes => 20_000,
            Limit::Axes => 16,
            Limit::Elements => 1 << 27,
            Limit::LoadBytes => 2 << 30,
            Limit::ArenaBytes => 1 << 30,
            Limit::Macs => 1_000_000_000_000,
            Limit::PictureSide => 1 << 15,
            Limit::PictureBytes => 1 << 30,
        }
    }

    /// What is counted, as it stands behind a number.
    fn unit(self) -> &'static str {
        match self {
            Limit::FileBytes => "bytes",
            Limit::Nodes => "nodes, inputs and outputs",
            Limit::Axes => "axes of a tensor",
            Limit::Elements => "elements of a tensor",
            Limit::LoadBytes => "bytes of constants and decoded file",
            Limit::ArenaBytes => "bytes of working memory",
            Limit::Macs => "multiply-accumulates",
            Limit::PictureSide => "pixels on the longer side",
            Limit::PictureBytes => "bytes for one picture",
        }
    }
}

/// That something is larger than a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which limit.
    pub limit: Limit,
    /// What was found, at least.
    pub found: u64,
    /// What would be accepted.
    pub most: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exceeded { limit, found, most } = self;
        let (unit, key) = (limit.unit(), limit.key());
        write!(f, "{found} {unit}; the limit is {most}, which `--limit {key}=…` raises where that is meant")
    }
}

impl std::error::Error for Exceeded {}

impl Default for Limits {
    fn default() -> Self {
        Limits { values: Limit::ALL.map(Limit::default) }
    }
}

impl Limits {
    /// The most that is accepted of something.
    pub fn get(&self, limit: Limit) -> u64 {
        self.values[limit as usize]
    }

    /// The same, as a length in memory.
    pub fn length(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }

    /// The same limits but for one.
    pub fn with(mut self, limit: Limit, most: u64) -> Limits {
        self.values[limit as usize] = most;
        self
    }

    /// Checks a number against its limit.
    ///
    /// # Errors
    /// Where it is larger.
    pub fn check(&self, limit: Limit, found: u64) -> Result<(), Exceeded> {
        let most = self.get(limit);
        if found <= most { Ok(()) } else { Err(Exceeded { limit, found, most }) }
    }

    /// Checks the number of axes and of elements of a tensor; returns the latter.
    ///
    /// # Errors
    /// Where there are more.
    pub fn check_shape(&self, shape: &[usize]) -> Result<usize, Exceeded> {
        self.check(Limit::Axes, shape.len() as u64)?;
        // With an empty axis too, since products of the others are taken.
        let longest = shape.iter().fold(1u64, |product, &length| product.saturating_mul(length.max(1) as u64));
        self.check(Limit::Elements, longest)?;
        // Whatever is allowed, the bytes have to be counted.
        let most = isize::MAX as u64 / 8;
        match longest <= most {
            true => Ok(if shape.contains(&0) { 0 } else { longest as usize }),
            false => Err(Exceeded { limit: Limit::Elements, found: longest, most }),
        }
    }
}

/// Reads a file whole, if it has at most so many bytes.
///
/// # Errors
/// What the system says; or [`InvalidData`](std::io::ErrorKind::InvalidData), that there are more.
pub fn read_at_most(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A file may grow while it is read, and a device has no length at all.
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => {
            let problem = format!("has more than {most} bytes, which is more than is read of such a file");
            Err(std::io::Error::new(std::io::ErrorKind::InvalidData, problem))
        }
    }
}

/// The same of a text: a recipe or a contract.
///
/// # Errors
/// As [`read_at_most`]; and that it is not UTF-8.
pub fn read_text(path: &Path) -> std::io::Result<String> {
    let not_text = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "is not text in UTF-8");
    String::from_utf8(read_at_most(path, MOST_TEXT)?).map_err(not_text)
}

/// Bytes of a recipe or a contract at most.
const MOST_TEXT: u64 = 16 << 20;

/// Reads `KEY=VALUE`, where the value may end in K, M, G or T (thousands) or Ki, Mi, Gi or Ti (1024).
///
/// # Errors
/// What there is to give.
pub fn parse(text: &str) -> Result<(Limit, u64), String> {
    let keys = || Limit::ALL.map(|limit| format!("{}={}", limit.key(), limit.default())).join(", ");
    let wrong = || format!("must be KEY=VALUE, the value a whole number above 0; the defaults are {}", keys());
    let (key, value) = text.split_once('=').ok_or_else(wrong)?;
    let limit = Limit::ALL.into_iter().find(|limit| limit.key() == key.trim()).ok_or_else(wrong)?;
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, suffix) = value.split_at(digits);
    let power = |base: u64| match suffix.as_bytes().first() {
        None => Some(1),
        Some(b'K' | b'k') => Some(base),
        Some(b'M') => Some(base.pow(2)),
        Some(b'G') => Some(base.pow(3)),
        Some(b'T') => Some(base.pow(4)),
        Some(_) => None,
    };
    let factor = match suffix.len() {
        0 | 1 => power(1000),
        2 if suffix.ends_with('i') => power(1024),
        _ => None,
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let most = factor.and_then(|factor| number.checked_mul(factor)).filter(|&most| most > 0).ok_or_else(wrong)?;
    Ok((limit, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_lies_at_its_place() {
        let limits = Limits::default();
        for (index, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, index);
            assert_eq!(limits.get(limit), limit.default());
        }
    }

    #[test]
    fn an_error_says_what_was_found_the_limit_and_how_to_raise_it() {
        let limits = Limits::default().with(Limit::Nodes, 7);
        assert_eq!(limits.check(Limit::Nodes, 7), Ok(()));
        let error = limits.check(Limit::Nodes, 8).unwrap_err().to_string();
        for part in ["8 nodes", "7", "--limit nodes="] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn shapes_whose_product_overflows_are_too_large() {
        let limits = Limits::default();
        assert_eq!(limits.check_shape(&[2, 3, 4]), Ok(24));
        assert_eq!(limits.check_shape(&[]), Ok(1));
        assert_eq!(limits.check_shape(&[5, 0]), Ok(0));
        assert_eq!(limits.check_shape(&[usize::MAX, 0]).unwrap_err().limit, Limit::Elements);
        assert!(limits.clone().with(Limit::Elements, u64::MAX).check_shape(&[usize::MAX]).is_err());
        assert_eq!(limits.check_shape(&[usize::MAX; 3]).unwrap_err().limit, Limit::Elements);
        assert_eq!(limits.check_shape(&[1; 17]).unwrap_err().limit, Limit::Axes);
    }

    #[test]
    fn files_are_read_up_to_a_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, "grün").unwrap();
        assert_eq!(read_text(&path).unwrap(), "grün");
        assert_eq!(read_at_most(&path, 5).unwrap().len(), 5);
        assert!(read_at_most(&path, 4).unwrap_err().to_string().contains("4 bytes"));
        assert!(read_text(Path::new("/dev/zero")).unwrap_err().to_string().contains("16777216"));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn keys_and_values_are_read_and_refused() {
        assert_eq!(parse("nodes=50"), Ok((Limit::Nodes, 50)));
        assert_eq!(parse("arena-bytes = 64Mi"), Ok((Limit::ArenaBytes, 64 << 20)));
        assert_eq!(parse("macs=2T"), Ok((Limit::Macs, 2_000_000_000_000)));
        for wrong in ["", "nodes", "node=1", "nodes=", "nodes=0", "nodes=-1", "nodes=1X", "nodes=1MB", "macs=99999999T"]
        {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains("nodes=20000"), "{wrong}: {error}");
        }
    }
}
