//! Shell completions and man pages, made from the command line itself.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The completions for a shell.
pub fn completions(command: &Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command.clone(), command.get_name(), &mut script);
    script
}

/// The man pages of a command and its subcommands, each with its file's name.
pub fn man_pages(command: &Command) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = command.clone().disable_help_subcommand(true);
    // Gives the subcommands their full names, which are those of the pages: retort-detect.
    command.build();
    let subcommands = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set());
    std::iter::once(&command).chain(subcommands).cloned().map(man_page).collect()
}

fn man_page(command: Command) -> std::io::Result<(String, Vec<u8>)> {
    let page = Man::new(command);
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    Ok((page.get_filename(), roff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_page() {
        let pages = man_pages(&retort::cli::command()).unwrap();
        for (name, says) in
            [("retort.1", "retort"), ("retort-detect.1", "\\-\\-score"), ("retort-bench.1", "\\-\\-threads")]
        {
            let (_, page) = pages.iter().find(|(page, _)| page == name).expect(name);
            assert!(String::from_utf8_lossy(page).contains(says), "{name}");
        }
    }

    #[test]
    fn completions_know_the_subcommands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(completions(&retort::cli::command(), shell)).unwrap();
            assert!(script.contains("detect") && script.contains("compile"), "{shell}");
        }
    }
}
