//! The option that raises or lowers a limit, of every command that loads a model.

use clap::Args;

use crate::limits::{Limit, Limits, parse};

/// How large models and pictures may be.
#[derive(Clone, Debug, Default, Args)]
pub struct LimitArguments {
    /// Accept a larger model or picture, or only a smaller one, as nodes=50000 or arena-bytes=64Mi (may be repeated). There
    /// are: file-bytes, nodes, axes, elements, load-bytes, arena-bytes, macs, picture-side, picture-bytes.
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = parse)]
    limits: Vec<(Limit, u64)>,
}

impl LimitArguments {
    /// The usual limits but for those given.
    pub fn limits(&self) -> Limits {
        self.limits.iter().fold(Limits::default(), |limits, &(limit, most)| limits.with(limit, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_limit() {
        let command = LimitArguments::augment_args(clap::Command::new("any"));
        let help = command.get_arguments().find_map(|argument| argument.get_help()).expect("help").to_string();
        for limit in Limit::ALL {
            assert!(help.contains(limit.key()), "{}", limit.key());
        }
    }

    #[test]
    fn what_is_given_last_holds() {
        let given = LimitArguments { limits: vec![(Limit::Nodes, 1), (Limit::Nodes, 2)] };
        assert_eq!(given.limits(), Limits::default().with(Limit::Nodes, 2));
    }
}
