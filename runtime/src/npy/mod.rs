//! NumPy's `.npy` files: one array of numbers behind a short header (NEP 1; versions 1 to 3).
//!
//! Only what raw tensors need: plain numbers of one type, in either byte order and either order of axes on reading,
//! little-endian in C order on writing.

mod header;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

pub use header::{ByteOrder, Header};

/// What every file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy itself refuses longer headers.
const LONGEST_HEADER: usize = 10_000;
/// The elements begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// Why a file is no array that can be read.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The system failed to read or write.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not in the format, or holds what this reader does not know.
    #[error("no .npy file of plain numbers: {0}")]
    Format(String),
    /// The elements are of another type.
    #[error("holds elements of type `{found}`, not `{wanted}`")]
    Type {
        /// NumPy's name of the type, without its byte order.
        found: String,
        /// The name of the type that was asked for.
        wanted: &'static str,
    },
    /// The file ends before its last element.
    #[error("ends before its last element")]
    Short,
}

/// Numbers that a file can hold.
pub trait Element: Copy {
    /// NumPy's name of the type, without its byte order.
    const NAME: &'static str;
    /// Bytes an element takes.
    const SIZE: usize;

    /// The number whose [`SIZE`](Self::SIZE) bytes are these, the least significant first.
    fn from_little_endian(bytes: &[u8]) -> Self;

    /// Writes the number, its least significant byte first.
    fn write(self, to: &mut impl Write) -> io::Result<()>;
}

macro_rules! element {
    ($($element:ty = $name:literal),*) => {$(
        impl Element for $element {
            const NAME: &'static str = $name;
            const SIZE: usize = size_of::<$element>();

            fn from_little_endian(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$element>()];
                own.copy_from_slice(bytes);
                <$element>::from_le_bytes(own)
            }

            fn write(self, to: &mut impl Write) -> io::Result<()> {
                to.write_all(&self.to_le_bytes())
            }
        }
    )*};
}
element!(f32 = "f4", u8 = "u1", i8 = "i1", i32 = "i4", i64 = "i8");

/// A file whose header has been read, and whose elements have not, so that a wrong shape costs no memory.
#[derive(Debug)]
pub struct Npy<R> {
    header: Header,
    elements: R,
}

impl Npy<BufReader<File>> {
    /// Opens a file and reads its header.
    pub fn open(path: &Path) -> Result<Self, NpyError> {
        Npy::new(BufReader::new(File::open(path)?))
    }
}

impl<R: Read> Npy<R> {
    /// Reads the header.
    pub fn new(mut from: R) -> Result<Self, NpyError> {
        let mut start = [0; 8];
        from.read_exact(&mut start).map_err(|_| NpyError::Format("it is too short".into()))?;
        if !start.starts_with(MAGIC) {
            return Err(NpyError::Format("it does not begin as one".into()));
        }
        let mut length = [0; 4];
        match start[6] {
            1 => from.read_exact(&mut length[..2])?,
            2 | 3 => from.read_exact(&mut length)?,
            version => return Err(NpyError::Format(format!("its version is {version}"))),
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST_HEADER {
            return Err(NpyError::Format(format!("its header is longer than {LONGEST_HEADER} bytes")));
        }
        let mut text = vec![0; length];
        from.read_exact(&mut text).map_err(|_| NpyError::Format("it ends within its header".into()))?;
        let text = std::str::from_utf8(&text).map_err(|_| NpyError::Format("its header is not text".into()))?;
        Ok(Npy { header: text.parse()?, elements: from })
    }

    /// What the file says about its array.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Hands every element to `take`, in the order of the file, which [`Header::axes`] gives.
    pub fn each<T: Element>(mut self, mut take: impl FnMut(T)) -> Result<(), NpyError> {
        if self.header.element != T::NAME {
            return Err(NpyError::Type { found: self.header.element, wanted: T::NAME });
        }
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..T::SIZE];
        for _ in 0..self.header.len()? {
            self.elements.read_exact(bytes).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => NpyError::Short,
                _ => error.into(),
            })?;
            if self.header.byte_order == ByteOrder::Big {
                bytes.reverse();
            }
            take(T::from_little_endian(bytes));
        }
        Ok(())
    }
}

/// Writes an array whose elements come in C order (the last axis runs fastest), as many as `shape` says.
pub fn write<T: Element>(path: &Path, shape: &[usize], elements: impl IntoIterator<Item = T>) -> Result<(), NpyError> {
    let mut to = BufWriter::new(File::create(path)?);
    write_to(&mut to, shape, elements)?;
    to.flush()?;
    Ok(())
}

fn write_to<T: Element>(
    to: &mut impl Write,
    shape: &[usize],
    elements: impl IntoIterator<Item = T>,
) -> Result<(), NpyError> {
    let mut header = Header::little_endian(T::NAME, shape).to_string();
    // Magic number, version and length take 10 bytes; a line feed ends the header.
    let length = (10 + header.len() + 1).next_multiple_of(ALIGNMENT) - 10;
    header.extend(std::iter::repeat_n(' ', length - header.len() - 1));
    header.push('\n');
    let length = u16::try_from(length).map_err(|_| NpyError::Format("the shape has too many axes".into()))?;
    to.write_all(MAGIC)?;
    to.write_all(&[1, 0])?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(header.as_bytes())?;
    elements.into_iter().try_for_each(|element| element.write(to))?;
    Ok(())
}

/// Offsets of an array's elements in memory where neighbours along axis `a` are `strides[a]` apart, in the order in which
/// the axes run as `axes` says, the slowest first.
pub fn offsets(shape: &[usize], strides: &[usize], axes: &[usize]) -> impl Iterator<Item = usize> {
    let mut position = vec![0; shape.len()];
    let mut next = if shape.contains(&0) { None } else { Some(0) };
    std::iter::from_fn(move || {
        let current = next?;
        let mut offset = current;
        next = axes.iter().rev().find_map(|&axis| {
            position[axis] += 1;
            offset += strides[axis];
            if position[axis] < shape[axis] {
                return Some(offset);
            }
            offset -= position[axis] * strides[axis];
            position[axis] = 0;
            None
        });
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that `numpy.save` writes for `numpy.array(…, dtype)` with this header and these elements.
    fn file(header: &str, elements: &[u8]) -> Vec<u8> {
        let mut header = header.to_owned();
        while !(10 + header.len() + 1).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(elements);
        bytes
    }

    fn elements<T: Element>(bytes: &[u8]) -> Result<Vec<T>, NpyError> {
        let mut found = Vec::new();
        Npy::new(bytes)?.each(|element| found.push(element))?;
        Ok(found)
    }

    #[test]
    fn what_is_written_is_what_numpy_writes() {
        let mut bytes = Vec::new();
        write_to(&mut bytes, &[1, 2], [1.5f32, -2.0]).unwrap();
        let expected =
            file("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", &[0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0]);
        assert_eq!(bytes, expected);
        assert_eq!(elements::<f32>(&bytes).unwrap(), [1.5, -2.0]);
    }

    #[test]
    fn both_byte_orders_are_read() {
        let little =
            file("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", &[1, 0, 0, 0, 254, 255, 255, 255]);
        let big = file("{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }", &[0, 0, 0, 1, 255, 255, 255, 254]);
        assert_eq!(elements::<i32>(&little).unwrap(), [1, -2]);
        assert_eq!(elements::<i32>(&big).unwrap(), [1, -2]);
    }

    #[test]
    fn a_wrong_type_or_a_short_file_is_refused() {
        let bytes = file("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", &[1, 2, 3]);
        assert_eq!(elements::<u8>(&bytes).unwrap(), [1, 2, 3]);
        assert!(matches!(elements::<i8>(&bytes), Err(NpyError::Type { .. })));
        assert!(matches!(elements::<u8>(&bytes[..bytes.len() - 1]), Err(NpyError::Short)));
        assert!(matches!(elements::<u8>(&bytes[..40]), Err(NpyError::Format(_))));
        assert!(matches!(elements::<u8>(b"no array"), Err(NpyError::Format(_))));
        let huge = file("{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551615, 2), }", &[]);
        assert!(matches!(elements::<u8>(&huge), Err(NpyError::Format(_))));
    }

    #[test]
    fn offsets_follow_the_order_of_axes() {
        // Two rows of three, stored row by row.
        let (shape, strides) = ([2, 3], [3, 1]);
        assert_eq!(offsets(&shape, &strides, &[0, 1]).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(offsets(&shape, &strides, &[1, 0]).collect::<Vec<_>>(), [0, 3, 1, 4, 2, 5]);
        assert_eq!(offsets(&[], &[], &[]).collect::<Vec<_>>(), [0]);
        assert_eq!(offsets(&[2, 0], &[1, 1], &[0, 1]).count(), 0);
    }
}
