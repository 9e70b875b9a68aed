//! `forebay`: one program, a subcommand per role.

mod admin;
mod app;
mod assemble;
mod check;
mod cli;
mod config;
mod connect;
mod demo;
mod limits;
mod normalize;
mod output;
mod rules;
mod samples;
mod send;
mod tail;
mod telemetry;
mod verify;
mod workers;
mod yaml;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            // 2 for what the caller has to mend before trying again, as clap does; 1 for everything else.
            ExitCode::from(if error.is::<config::ConfigError>() {
                2
            } else if error.is::<rules::Incomplete>() {
                3
            } else {
                1
            })
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Dev(args) => app::dev(args).await,
        Command::Ingest(args) => app::ingest(args).await,
        Command::Process(args) => app::process(args).await,
        Command::Check(args) => check::check(args).await,
        Command::Migrate(args) => check::migrate(args).await,
        Command::Send(args) => send::send(args).await,
        Command::Normalize(args) => normalize::normalize(args).await,
        Command::Verify(args) => verify::verify(args).await,
        Command::Tail(args) => tail::tail(args).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Sources(args) => connect::sources(args).await,
        Command::Rules(args) => rules::rules(args).await,
    }
}
