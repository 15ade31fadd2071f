//! `stockade completions` and `stockade man`: what shells and `man` want to know of the command line, made from its definition.

use crate::cli::{Cli, Global};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::print;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::path::PathBuf;

/// bash: `stockade completions bash > ~/.local/share/bash-completion/completions/stockade`; zsh: into a folder of `fpath`, as
/// `_stockade`; fish: `stockade completions fish > ~/.config/fish/completions/stockade.fish`.
#[derive(clap::Args)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

#[derive(clap::Args)]
pub struct Man {
    /// Where the pages go, such as ~/.local/share/man/man1; made when it is not there.
    folder: PathBuf,
}

/// Prints the script for a shell.
pub fn completions(arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "stockade", &mut script);
    print(&String::from_utf8_lossy(&script));
    Ok(())
}

/// Writes a page for the program and one for each command.
pub fn man(arguments: &Man, global: &Global) -> Outcome {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).map_err(|error| Failure::io("make the folder", folder, &error))?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(|error| Failure::io("write manual pages into", folder, &error))?;
    let pages = std::fs::read_dir(folder).map_err(Failure::of(Exit::Failed))?.count();
    let answer = serde_json::json!({ "folder": folder.display().to_string(), "pages": pages });
    global.output().show(&answer, |_| format!("{pages} pages in {}; read one with `man -l FILE`\n", folder.display()));
    Ok(())
}
