//! What the test of the book reads out of its chapters: fenced blocks, the commands in them, links.

/// A fenced block.
pub struct Block {
    /// What stands behind the fence, split at commas.
    pub info: Vec<String>,
    /// What stands in it.
    pub text: String,
    /// The line of its fence, from 1.
    pub line: usize,
}

impl Block {
    /// Whether its fence says `word`.
    pub fn is(&self, word: &str) -> bool {
        self.info.iter().any(|info| info == word)
    }
}

/// A command, and the lines that the book shows of what it prints.
pub struct Step {
    /// What a shell is given.
    pub command: String,
    /// What is shown.
    pub shown: Vec<String>,
}

/// All fenced blocks of a chapter.
pub fn blocks(chapter: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in chapter.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => {
                let info = info.split(',').map(|word| word.trim().to_owned()).collect();
                open = Some(Block { info, text: String::new(), line: at + 1 });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

/// The commands of a block: lines that begin with `$ `, and with `> ` where a command goes on.
pub fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), steps.last_mut()) {
            (Some(command), ..) => steps.push(Step { command: command.to_owned(), shown: Vec::new() }),
            (_, Some(more), Some(step)) if step.shown.is_empty() => {
                step.command.push('\n');
                step.command.push_str(more);
            }
            (_, _, Some(step)) => step.shown.push(line.to_owned()),
            (_, _, None) => panic!("line {}: the block shows output before any command", block.line),
        }
    }
    assert!(!steps.is_empty(), "line {}: a console without a command", block.line);
    steps
}

/// Requires that what was printed is what is shown. `…` in a line stands for anything in it, and as a line for any lines.
/// Of a command of which nothing is shown anything may come.
pub fn compare(shown: &[String], printed: &str) -> Result<(), String> {
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    if shown.is_empty() || all_match(shown, &printed) {
        return Ok(());
    }
    Err(format!("shown:\n{}\nprinted:\n{}", shown.join("\n"), printed.join("\n")))
}

fn all_match(shown: &[String], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((line, rest)), _) if line == "…" => {
            all_match(rest, printed) || (!printed.is_empty() && all_match(shown, &printed[1..]))
        }
        (Some((line, rest)), Some((first, others))) => line_matches(line, first) && all_match(rest, others),
        (Some(_), None) => false,
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    let mut parts = shown.trim_end().split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

/// What a shell would start in a line: each program with its arguments. Comments, redirections and `sudo` are left out.
pub fn programs(line: &str) -> Vec<Vec<String>> {
    let mut programs = vec![Vec::new()];
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            _ if word.starts_with('#') => break,
            "|" | "||" | "&&" | ";" => programs.push(Vec::new()),
            ">" | ">>" | "2>" | "<" => {
                words.next();
            }
            "sudo" | "&" => {}
            _ => programs.last_mut().expect("one at least").push(word.trim_matches(['"', '\'']).to_owned()),
        }
    }
    programs.retain(|program| !program.is_empty());
    programs
}

/// Where the links of a chapter lead, without what stands in fenced blocks.
pub fn links(chapter: &str) -> Vec<String> {
    let mut fenced = false;
    let outside = chapter.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && !line.starts_with("```")
    });
    let of = |line: &str| -> Vec<String> {
        line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link.to_owned()).collect()
    };
    outside.flat_map(of).collect()
}
