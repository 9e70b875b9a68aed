//! `forebay completion` and `forebay man`: what comes with a program beside the program, made from its command line.

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionArgs, ManArgs};
use crate::config::ConfigError;
use crate::output::Printer;

/// Prints the script for a shell.
pub(crate) fn completion(args: &CompletionArgs, out: &mut Printer) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "forebay", &mut script);
    print(&script, out);
}

/// Prints the page of the program, or writes one of each command.
pub(crate) fn man(args: &ManArgs, out: &mut Printer) -> anyhow::Result<()> {
    let Some(folder) = &args.folder else {
        print(page(Cli::command())?.as_bytes(), out);
        return Ok(());
    };
    if !folder.is_dir() {
        return Err(ConfigError(format!(
            "there is no folder `{}` to write the pages into",
            folder.display()
        ))
        .into());
    }
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, folder).with_context(|| format!("cannot write the pages into `{}`", folder.display()))
}

/// Writes the pages of `command` and of all commands below it.
fn write_pages(command: &clap::Command, folder: &Path) -> anyhow::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, folder)?;
    }
    let name = clap_mangen::Man::new(command.clone()).get_filename();
    std::fs::write(folder.join(name), page(command.clone())?)?;
    Ok(())
}

/// Returns the page of `command`, with the sections that follow its options under their usual names, and their lines as they are.
fn page(command: clap::Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page)
        .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n.nf\n")
        .replace("\n\nExit codes:\n", "\n.SH EXIT STATUS\n.nf\n"))
}

fn print(text: &[u8], out: &mut Printer) {
    out.line(String::from_utf8_lossy(text).trim_end());
}
