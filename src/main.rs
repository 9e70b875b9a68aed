//! `forebay`: one program, a subcommand per role.

mod admin;
mod assemble;
mod certificates;
mod cli;
mod commands;
mod config;
mod deliveries;
mod limits;
mod output;
mod refused;
mod roles;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, ConfigCommand};
use crate::commands::{
    check, connect, demo, endpoints, health, normalize, papers, progress, rules, secret, send, smoke_test, state, tail,
    verify,
};
use crate::output::Printer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&anyhow::Error::new(error).context("cannot start the threads of the program"));
            return ExitCode::FAILURE;
        }
    };
    let (code, cut_off) = runtime.block_on(program());
    if cut_off {
        // Otherwise the end would wait for calls that block.
        runtime.shutdown_background();
    }
    code
}

/// Runs the command, and returns the exit code, and whether what is unfinished is not waited for.
async fn program() -> (ExitCode, bool) {
    let mut out = Printer::default();
    let result = match Cli::try_parse() {
        Ok(cli) => run(cli, &mut out).await,
        Err(wrong) if wrong.use_stderr() => wrong.exit(),
        Err(answer) => {
            out.answer(&answer);
            Ok(())
        }
    };
    let written = out.finish();
    for error in [result.as_ref().err(), written.as_ref().err()].into_iter().flatten() {
        output::error(error);
    }
    let cut_off = result.as_ref().is_err_and(anyhow::Error::is::<roles::CutOff>);
    let code = ExitCode::from(match (result, written) {
        (Ok(()), Ok(())) => 0,
        // As `forebay --help` says: 2 for what the caller has to fix before trying again, as clap does; 1 for everything else.
        (Err(error), Ok(())) if error.is::<config::ConfigError>() => 2,
        (Err(error), Ok(())) if error.is::<rules::Incomplete>() => 3,
        _ => 1,
    });
    (code, cut_off)
}

async fn run(cli: Cli, out: &mut Printer) -> anyhow::Result<()> {
    match cli.command {
        Command::Dev(args) => roles::dev(args).await,
        Command::Ingest(args) => roles::ingest(args).await,
        Command::Process(args) => roles::process(args).await,
        Command::Check(args) => check::check(args, out).await,
        Command::Migrate(args) => check::migrate(args, out).await,
        Command::Send(args) => send::send(args, out).await,
        Command::Secret(args) => secret::secret(&args, out),
        Command::Normalize(args) => normalize::normalize(args, out).await,
        Command::Verify(args) => verify::verify(args, out).await,
        Command::Tail(args) => tail::tail(args, out).await,
        Command::Demo(args) => demo::demo(args, out).await,
        Command::Sources(args) => connect::sources(args, out).await,
        Command::Endpoints(args) => endpoints::endpoints(args, out).await,
        Command::Rules(args) => rules::rules(args, out).await,
        Command::SmokeTest(args) => smoke_test::smoke_test(args, out).await,
        Command::Progress(args) => progress::progress(args, out).await,
        Command::State(args) => state::state(args, out).await,
        Command::Health(args) => health::health(args, out).await,
        Command::Config(args) => match args.command {
            ConfigCommand::Schema => {
                out.line(&format!("{:#}", config::schema::schema()));
                Ok(())
            }
        },
        Command::Completion(args) => {
            papers::completion(&args, out);
            Ok(())
        }
        Command::Man(args) => papers::man(&args, out),
    }
}
