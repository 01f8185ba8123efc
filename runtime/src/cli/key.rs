//! The option that refuses unsigned models, of every command that loads a model.

use clap::Args;

use crate::signature::PublicKey;

/// Whose models are accepted.
#[derive(Clone, Debug, Default, Args)]
pub struct KeyArguments {
    /// Refuse a model that was not signed with this key, and a contract beside it that was not: a public key of minisign, as
    /// a file or as its line of base64. The signature of FILE is FILE.minisig.
    #[arg(long = "key", value_name = "PUBLIC_KEY", value_parser = PublicKey::read)]
    pub key: Option<PublicKey>,
}
