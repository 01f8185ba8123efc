//! Contracts of well-known networks, recognised by what goes in and comes out of them.
//!
//! A file without a contract does not say what its outputs mean. Of the detectors that are passed around most, the
//! number, order and shapes of the outputs tell, together with a few [`Clues`] about how they are made; [`families`] has
//! them one by one. What a shape cannot tell is how the network was trained: each family is taken to be as its authors
//! publish it, normalisation, padding and classes included. A network trained otherwise needs a contract of its own,
//! which always wins.

mod cut;
mod families;

use std::collections::{BTreeMap, BTreeSet};

use super::{Contract, Task, coco};
use crate::tensor::Port;
pub use cut::Cut;
use families::{FAMILIES, Found, Names, Seen};

/// The key of the provenance that says that a contract was recognised, and as what.
const PROVENANCE: &str = "recognised";

/// What tells networks apart whose outputs look alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clues {
    /// The operators on which the outputs depend.
    pub operators: BTreeSet<String>,
    /// For each output the operator that computes its numbers, which nodes that only move them may follow.
    pub outputs_by: Vec<String>,
}

/// Why nobody knows what the outputs of a model mean.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unrecognised {
    /// They are those of no known family.
    #[error("its outputs ({0}) are those of no network that is recognised")]
    Unknown(String),
    /// They are those of a known family, of other classes than usual.
    #[error("its outputs are those of {family}, but nobody knows what its {classes} classes are")]
    Nameless {
        /// The family.
        family: &'static str,
        /// How many classes it has.
        classes: usize,
    },
    /// They are those of a family whose outputs no head reads.
    #[error("its outputs look like those of {family}, which are not read: {reason}")]
    Unread {
        /// The family.
        family: &'static str,
        /// What is in the way, and what to do instead.
        reason: &'static str,
    },
}

impl Contract {
    /// The contract of a well-known network, by its ports, the clues to how it is made, and where it was cut.
    ///
    /// # Errors
    /// Says what was looked at, and what was missing.
    pub fn recognise(
        inputs: &[Port],
        outputs: &[Port],
        clues: &Clues,
        cut: Option<&Cut>,
    ) -> Result<Contract, Unrecognised> {
        let unknown = || {
            let shape = |port: &Port| format!("`{}` {:?}", port.name, port.shape);
            Unrecognised::Unknown(outputs.iter().map(shape).collect::<Vec<_>>().join(", "))
        };
        let seen = Seen::of(inputs, outputs, clues, cut).ok_or_else(unknown)?;
        let found = FAMILIES.iter().find_map(|family| family(&seen)).unwrap_or_else(|| Err(unknown()))?;
        let contract = found.contract()?;
        // A family that claims what its head cannot read is not the right one.
        contract.check(inputs, outputs).map_err(|_| unknown())?;
        Ok(contract)
    }

    /// What network this contract was recognised as; none where somebody wrote it.
    pub fn recognised_as(&self) -> Option<&str> {
        self.provenance.get(PROVENANCE).map(String::as_str)
    }
}

impl Found {
    fn contract(self) -> Result<Contract, Unrecognised> {
        let classes: &[&str] = match self.names {
            Names::Are(names) => names,
            Names::Coco(80) => &coco::CLASSES,
            Names::Coco(classes) => return Err(Unrecognised::Nameless { family: self.family, classes }),
        };
        Ok(Contract {
            task: Task::Detect,
            classes: classes.iter().map(|&name| name.to_owned()).collect(),
            image: self.image,
            head: self.head,
            limits: self.limits,
            golden: None,
            coverage: None,
            provenance: BTreeMap::from([(PROVENANCE.to_owned(), self.family.to_owned())]),
            metrics: BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests;
