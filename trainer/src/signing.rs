//! Signs models, plans and contracts, so that `retort --key` can tell whose they are. Keys and signatures are
//! [minisign](https://jedisct1.github.io/minisign/)'s, and so may as well be made and verified by that.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use minisign::{KeyPair, PError, SecretKey, SecretKeyBox};
use retort::limits::read_at_most;
use retort::signature::{PublicKey, signature_path};

use crate::limits::read_model;
use crate::whole;

/// Bytes of a secret key's file at most; minisign's have 300, and at most 1 KiB of comment.
const MOST: u64 = 16 << 10;
/// What stands above a signature.
const COMMENT: &str = "signature by retort-train sign";

/// Why there is no key, or no signature.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A new key would take the place of an old one.
    #[error("{path}: is there already, and is not overwritten; name another file, or move it away", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A secret key cannot be used.
    #[error("{path}: {problem}", path = path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The random numbers or the terminal failed.
    #[error("no key can be made: {0}")]
    Generate(PError),
    /// What was written is not what was signed.
    #[error("the signature is not good: {0}")]
    Verify(retort::Error),
}

/// How a secret key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection<'a> {
    /// Whoever has the file can sign.
    None,
    /// By this password.
    Password(&'a str),
    /// By a password that the terminal is asked for.
    Ask,
}

/// Makes a pair of keys and writes both; neither file may exist. The secret one is readable by its owner only.
///
/// # Errors
/// That a file exists or cannot be written; that there are no random numbers.
pub fn generate(public: &Path, secret: &Path, protection: Protection<'_>) -> Result<PublicKey, SigningError> {
    for path in [public, secret] {
        if path.exists() {
            return Err(SigningError::Exists { path: path.into() });
        }
    }
    let pair = match protection {
        Protection::None => KeyPair::generate_unencrypted_keypair(),
        Protection::Password(password) => KeyPair::generate_encrypted_keypair(Some(password.into())),
        Protection::Ask => KeyPair::generate_encrypted_keypair(None),
    };
    let pair = pair.map_err(SigningError::Generate)?;
    let text = pair.sk.to_box(None).map_err(SigningError::Generate)?.into_string();
    create(secret, 0o600, &text)?;
    create(public, 0o644, &pair.pk.to_box().map_err(SigningError::Generate)?.into_string())?;
    PublicKey::read(&pair.pk.to_base64()).map_err(|problem| SigningError::Key { path: public.into(), problem })
}

/// Writes a file that must not be there yet.
fn create(path: &Path, mode: u32, text: &str) -> Result<(), SigningError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written =
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => SigningError::Exists { path: path.into() },
        _ => SigningError::Io { path: path.into(), source },
    })
}

/// A secret key ready to sign with.
pub struct Signer {
    key: SecretKey,
    public: PublicKey,
}

impl Signer {
    /// Reads a secret key, as `retort-train keygen` or `minisign -G` made it. Where it is protected and there is no
    /// `password`, the terminal is asked.
    ///
    /// # Errors
    /// That the file cannot be read, is no key, or the password is wrong.
    pub fn open(path: &Path, password: Option<&str>) -> Result<Signer, SigningError> {
        let fail = |problem: &str| SigningError::Key { path: path.into(), problem: problem.into() };
        let bytes = read_at_most(path, MOST).map_err(|source| SigningError::Io { path: path.into(), source })?;
        let text = String::from_utf8(bytes).map_err(|_| fail("is no secret key of minisign's; it is not even text"))?;
        let boxed = || {
            SecretKeyBox::from_string(&text)
                .map_err(|_| fail("is no secret key of minisign's; `retort-train keygen` makes one"))
        };
        let key = match boxed()?.into_unencrypted_secret_key() {
            Ok(key) => key,
            Err(_) => boxed()?.into_secret_key(password.map(str::to_owned)).map_err(|error| {
                fail(&format!("cannot be opened: {error}; is it a secret key, and the password right?"))
            })?,
        };
        let public = minisign::PublicKey::from_secret_key(&key).map_err(|error| fail(&error.to_string()))?;
        let public = PublicKey::read(&public.to_base64()).map_err(|problem| fail(&problem))?;
        Ok(Signer { key, public })
    }

    /// The key that verifies what this one signs.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a file as it is now, and writes the signature beside it, in the place of another that may be there; returns
    /// where.
    ///
    /// # Errors
    /// That a file cannot be read or written.
    pub fn sign(&self, path: &Path) -> Result<PathBuf, SigningError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| SigningError::Io { path, source }
        };
        let bytes = read_model(path).map_err(io(path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        // A line, whatever a file is called.
        let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let comment = format!("timestamp:{time}\tfile:{name}\thashed");
        let signature = minisign::sign(None, &self.key, bytes.as_slice(), Some(&comment), Some(COMMENT))
            .map_err(SigningError::Generate)?;
        let to = signature_path(path);
        whole::write(&to, signature.into_string()).map_err(io(&to))?;
        self.public.verify(&bytes, path).map_err(SigningError::Verify)?;
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_verifies_until_it_is_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [public, secret, file] = ["a.pub", "a.key", "model.onnx"].map(|name| folder.path().join(name));
        let key = generate(&public, &secret, Protection::None).expect("keys");
        assert_eq!(PublicKey::read(public.to_str().expect("UTF-8")), Ok(key.clone()));
        let signer = Signer::open(&secret, None).expect("a key");
        assert_eq!(signer.public_key(), &key);
        std::fs::write(&file, "a model").expect("written");
        assert_eq!(signer.sign(&file).expect("signed"), folder.path().join("model.onnx.minisig"));
        key.verify(b"a model", &file).expect("good");
        assert!(key.verify(b"a madel", &file).is_err());
        // Another key's signature takes its place.
        let [others, others_secret] = ["b.pub", "b.key"].map(|name| folder.path().join(name));
        let other = generate(&others, &others_secret, Protection::None).expect("keys");
        assert!(other.verify(b"a model", &file).is_err());
        Signer::open(&others_secret, None).and_then(|signer| signer.sign(&file)).expect("signed");
        other.verify(b"a model", &file).expect("good");
        assert!(key.verify(b"a model", &file).is_err());
    }

    #[test]
    fn keys_are_not_overwritten_and_only_their_owner_reads_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let [public, secret] = ["a.pub", "a.key"].map(|name| folder.path().join(name));
        generate(&public, &secret, Protection::None).expect("keys");
        let before = std::fs::read(&secret).expect("read");
        let error = generate(&folder.path().join("b.pub"), &secret, Protection::None).expect_err("it exists");
        assert!(matches!(error, SigningError::Exists { path } if path == secret));
        assert_eq!(std::fs::read(&secret).expect("read"), before);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&secret).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_secret_key_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let [public, secret] = ["a.pub", "a.key"].map(|name| folder.path().join(name));
        generate(&public, &secret, Protection::None).expect("keys");
        let none = folder.path().join("none");
        std::fs::write(folder.path().join("empty"), "").expect("written");
        let said = |path: &Path| Signer::open(path, Some("")).err().expect("no key").to_string();
        assert!(said(&none).contains("none: "));
        assert!(said(&public).contains("a.pub: "), "{}", said(&public));
        assert!(said(&folder.path().join("empty")).contains("empty: "));
    }
}
