//! A contract in a file of its own, beside the model that it is about.

use std::path::{Path, PathBuf};

use crate::contract::Contract;
use crate::error::Error;
use crate::limits::read_text;
use crate::signature::PublicKey;

/// Where the sidecar of a model is looked for: the model's path with the extension `toml`.
pub fn path(model: &Path) -> PathBuf {
    model.with_extension("toml")
}

/// Reads a contract from a TOML file.
///
/// # Errors
/// As [`Contract::from_toml`], with the file's name; [`Error::Io`] where it cannot be read.
pub fn read(path: &Path) -> Result<Contract, Error> {
    read_signed(path, None)
}

/// The same of a file that has to be signed with a key.
fn read_signed(path: &Path, key: Option<&PublicKey>) -> Result<Contract, Error> {
    let text = read_text(path).map_err(|source| Error::Io { path: path.into(), source })?;
    if let Some(key) = key {
        key.verify(text.as_bytes(), path)?;
    }
    Contract::from_toml(&text).map_err(|wrong| Error::from(wrong).in_file(path))
}

/// The contract of the model in `model`: the file `sidecar` where one is given; else `MODEL.toml` where that lies
/// beside `MODEL.onnx` (a file put there by hand is meant to win); else what the model carries, or was recognised as.
/// [`Model::find_contract`](crate::model::Model::find_contract) is the same, with the reason where there is none.
/// Either file has to be signed with `key` where there is one.
///
/// # Errors
/// [`Error::NoContract`] where there is none; [`Error::Signature`]; else as [`read`].
pub fn find(
    model: &Path,
    sidecar: Option<&Path>,
    carried: Option<&Contract>,
    key: Option<&PublicKey>,
) -> Result<Contract, Error> {
    if let Some(sidecar) = sidecar {
        return read_signed(sidecar, key);
    }
    let beside = path(model);
    if beside.is_file() {
        return read_signed(&beside, key);
    }
    carried.cloned().ok_or_else(|| Error::NoContract { model: model.into(), sidecar: beside, why: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &str = r#"
        task = "detect"
        classes = ["person"]
        image = { colour = "bgr", resize = "stretch" }
        head = { kind = "yolox", output = "output", strides = [8] }
    "#;

    #[test]
    fn the_sidecar_asked_for_wins_over_the_one_beside_over_the_carried() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.onnx");
        let [carried, beside, asked] =
            ["face", "person", "bird"].map(|class| Contract::from_toml(&PERSON.replace("person", class)).unwrap());
        assert!(matches!(find(&model, None, None, None), Err(Error::NoContract { .. })));
        assert_eq!(find(&model, None, Some(&carried), None).unwrap(), carried);
        std::fs::write(folder.path().join("model.toml"), PERSON).unwrap();
        assert_eq!(find(&model, None, Some(&carried), None).unwrap(), beside);
        let other = folder.path().join("other.toml");
        std::fs::write(&other, PERSON.replace("person", "bird")).unwrap();
        assert_eq!(find(&model, Some(&other), Some(&carried), None).unwrap(), asked);
        std::fs::write(&other, "task = 3").unwrap();
        let error = find(&model, Some(&other), None, None).unwrap_err().to_string();
        assert!(error.contains("other.toml") && error.contains("task"), "{error}");
    }

    #[test]
    fn the_sidecars_that_come_with_the_repository_are_right() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/contracts");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let contract = read(&entry.unwrap().path()).unwrap();
            assert!(matches!(contract.classes.len(), 1 | 80));
            seen += 1;
        }
        assert!(seen >= 6);
    }
}
