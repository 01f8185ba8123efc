//! Who made a file: signatures as [minisign](https://jedisct1.github.io/minisign/) writes them, in `FILE.minisig` beside the
//! file, which is Ed25519 over the file's BLAKE2b-512 hash or, as older versions of it did, over the file itself.
//!
//! What is verified are bytes in memory, the ones that are then parsed: a file that is changed in between changes nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::limits::read_at_most;

/// Bytes of a signature or of a public key at most; minisign's own have a few hundred, and at most 9 KiB of comments.
const MOST: u64 = 16 << 10;

/// Whose signature a model and its contract must have to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(minisign_verify::PublicKey);

/// What is wrong with the signature of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// There is none.
    #[error(
        "is not signed: there is no {signature}, which `retort-train sign` or `minisign -S` makes; without --key, files \
         need no signature", signature = signature.display()
    )]
    Missing {
        /// Where it would be.
        signature: PathBuf,
    },
    /// What lies there is none.
    #[error("{signature} is no signature as minisign makes them; sign the file again", signature = signature.display())]
    Malformed {
        /// The file that should be one.
        signature: PathBuf,
    },
    /// It is another key's.
    #[error(
        "{signature} was made with another key than that of --key; take the file from whoever has that key, or the key \
         of whoever signed the file if you trust them", signature = signature.display()
    )]
    OtherKey {
        /// The signature.
        signature: PathBuf,
    },
    /// The file is not the one that was signed, or the signature was changed.
    #[error(
        "is not what was signed: file or signature were changed after {signature} was made; copy both again from where \
         they come from", signature = signature.display()
    )]
    Changed {
        /// The signature.
        signature: PathBuf,
    },
}

impl PublicKey {
    /// Reads a key: the name of a file such as `minisign.pub`, or the line of base64 that is in it.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn read(text: &str) -> Result<PublicKey, String> {
        let path = Path::new(text);
        if !path.is_file() {
            return Self::parse(text).ok_or_else(|| {
                "is neither a file nor a public key of minisign in base64, which begins with RW".into()
            });
        }
        let bytes = read_at_most(path, MOST).map_err(|error| error.to_string())?;
        let key = std::str::from_utf8(&bytes).ok().and_then(Self::parse);
        key.ok_or_else(|| "holds no public key; minisign's are two lines, a comment and the key in base64".into())
    }

    /// The key in base64, perhaps below a comment.
    fn parse(text: &str) -> Option<PublicKey> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        minisign_verify::PublicKey::from_base64(line).ok().map(PublicKey)
    }

    /// Verifies that `bytes` were signed with this key; the signature lies beside `path`, the file that they come from.
    ///
    /// # Errors
    /// [`Error::Signature`]; [`Error::Io`] where the signature cannot be read.
    pub fn verify(&self, bytes: &[u8], path: &Path) -> Result<(), Error> {
        let signature = signature_path(path);
        let fail = |problem| Error::Signature { path: path.into(), problem };
        let text = match read_at_most(&signature, MOST) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(fail(SignatureProblem::Missing { signature }));
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(fail(SignatureProblem::Malformed { signature }));
            }
            Err(source) => return Err(Error::Io { path: signature, source }),
        };
        let decoded = std::str::from_utf8(&text).ok().and_then(|text| minisign_verify::Signature::decode(text).ok());
        let Some(decoded) = decoded else { return Err(fail(SignatureProblem::Malformed { signature })) };
        self.0.verify(bytes, &decoded, true).map_err(|error| {
            fail(match error {
                minisign_verify::Error::UnexpectedKeyId => SignatureProblem::OtherKey { signature },
                _ => SignatureProblem::Changed { signature },
            })
        })
    }
}

/// Where the signature of a file is looked for: its path with `.minisig` behind it.
pub fn signature_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signed").join(name)
    }

    fn key() -> PublicKey {
        PublicKey::read(golden("minisign.pub").to_str().unwrap()).unwrap()
    }

    /// What is said of a model with a signature of these bytes beside it.
    fn said(model: &[u8], signature: Option<&[u8]>, key: &PublicKey) -> Result<(), SignatureProblem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        if let Some(signature) = signature {
            std::fs::write(signature_path(&path), signature).unwrap();
        }
        key.verify(model, &path).map_err(|error| {
            assert!(error.to_string().contains("model.onnx"), "{error}");
            match error {
                Error::Signature { problem, .. } => problem,
                other => panic!("{other}"),
            }
        })
    }

    #[test]
    fn what_minisign_signed_is_accepted_and_nothing_else() {
        let model = std::fs::read(golden("model.onnx")).unwrap();
        for name in ["prehashed.minisig", "legacy.minisig"] {
            let signature = std::fs::read(golden(name)).unwrap();
            assert_eq!(said(&model, Some(&signature), &key()), Ok(()), "{name}");
            for at in [0, model.len() / 2, model.len() - 1] {
                let mut changed = model.clone();
                changed[at] ^= 1;
                let problem = said(&changed, Some(&signature), &key()).unwrap_err();
                assert!(matches!(problem, SignatureProblem::Changed { .. }), "{problem}");
            }
            // The comment is signed, too.
            let text = String::from_utf8(signature.clone()).unwrap();
            let retold = text.replace("timestamp:1", "timestamp:2");
            assert_ne!(text, retold);
            let problem = said(&model, Some(retold.as_bytes()), &key()).unwrap_err();
            assert!(matches!(problem, SignatureProblem::Changed { .. }), "{problem}");
        }
    }

    #[test]
    fn every_byte_of_a_signature_counts_or_is_the_untrusted_comment() {
        let model = std::fs::read(golden("model.onnx")).unwrap();
        let signature = std::fs::read(golden("prehashed.minisig")).unwrap();
        let comment = signature.iter().position(|&byte| byte == b'\n').unwrap();
        for at in comment + 1..signature.len() - 1 {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(said(&model, Some(&changed), &key()).is_err(), "byte {at}");
        }
        for length in 0..signature.len() - 1 {
            assert!(said(&model, Some(&signature[..length]), &key()).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_key_none_and_no_signature_at_all_are_told_apart() {
        let model = std::fs::read(golden("model.onnx")).unwrap();
        let signature = std::fs::read(golden("prehashed.minisig")).unwrap();
        // Another key of minisign's.
        let other = PublicKey::read("RWTcri4nzGlzhAkpDsVkcKNooGPuRETOUQbuZB1tE7vENivfqj2y1PmE").unwrap();
        let problem = said(&model, Some(&signature), &other).unwrap_err();
        assert!(matches!(problem, SignatureProblem::OtherKey { .. }), "{problem}");
        let problem = said(&model, None, &key()).unwrap_err();
        assert!(matches!(problem, SignatureProblem::Missing { .. }), "{problem}");
        for wrong in [&b""[..], b"untrusted comment: \n\n", &[0xff; 40], &vec![b'\n'; MOST as usize + 1]] {
            let problem = said(&model, Some(wrong), &key()).unwrap_err();
            assert!(matches!(problem, SignatureProblem::Malformed { .. }), "{problem}");
        }
    }

    #[test]
    fn a_key_is_a_file_or_its_line() {
        let line = "RWQgXLBwKbFe+xoyvJVC2kv8gKXlga82MeLBm9J7XcRF35s1DvpiPwU5";
        assert_eq!(PublicKey::read(line).unwrap(), key());
        for wrong in ["", "no-such.pub", &line[1..], &line[..50]] {
            assert!(PublicKey::read(wrong).unwrap_err().contains("neither a file"), "{wrong}");
        }
        let error = PublicKey::read(golden("model.onnx").to_str().unwrap()).unwrap_err();
        assert!(error.contains("holds no public key"), "{error}");
    }
}
