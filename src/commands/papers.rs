//! `forebay completion` and `forebay man`: what comes with a program beside the program, made from its command line.

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionArgs, ManArgs};
use crate::config::ConfigError;
use crate::output::Printer;

/// Prints the script for a shell.
pub(crate) fn completion(args: &CompletionArgs, out: &mut Printer) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "forebay", &mut script);
    print(&script, out);
    Ok(())
}

/// Prints the page of the program, or writes one of each command.
pub(crate) fn man(args: &ManArgs, out: &mut Printer) -> anyhow::Result<()> {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        print(&page, out);
        return Ok(());
    };
    if !folder.is_dir() {
        return Err(ConfigError(format!(
            "there is no folder `{}` to write the pages into",
            folder.display()
        ))
        .into());
    }
    clap_mangen::generate_to(Cli::command(), folder)
        .with_context(|| format!("cannot write the pages into `{}`", folder.display()))
}

fn print(text: &[u8], out: &mut Printer) {
    out.line(String::from_utf8_lossy(text).trim_end());
}
