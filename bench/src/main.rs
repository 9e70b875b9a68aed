//! Measures the whole program against the least that the same job can cost, in one run on one machine.
//!
//! `./run bench` builds in release mode, starts real services and calls this. Every figure comes with the floor's
//! figure from the same run, since absolute figures move from day to day. The table goes to standard output and to
//! `bench.json` in the target folder. Latencies count from the planned start of a request (open loop), so that a load that waits for
//! a stalled server does not hide the stall.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts and times of a measurement are far below 2^52"
)]

mod admin;
mod arrival;
mod body;
mod database;
mod deployment;
mod dev;
mod fan_out;
mod floor;
mod ingest;
mod isolation;
mod load;
mod many;
mod post;
mod postgres;
mod process;
mod questions;
mod receiver;
mod receivers;
mod report;
mod state;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Measures Forebay against the least that the same job can cost")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only parts whose name begins with this: ingest, postgres, state, questions, dev, fan-out, isolation, many; of the last three also single
    /// cases, as the table names them: `fan-out 1 to 10`, `isolation 10, 2 hang`
    #[arg(long, value_name = "PART", global = true)]
    only: Option<String>,
    /// Seconds per measurement
    #[arg(long, default_value_t = 5, value_name = "N", global = true)]
    seconds: u64,
    /// Isolation: 20 s calm and 60 s of each fault, instead of 10 s and 20 s. State and questions: 10 million messages, and a day that
    /// is filled, which takes 40 GB of the disk
    #[arg(long, global = true)]
    long: bool,
    /// Bootstrap servers of the Kafka to use
    #[arg(long, env = "FOREBAY_TEST_KAFKA", value_name = "ADDRESS", global = true)]
    kafka: Option<String>,
    /// URL of the PostgreSQL to use; needs the right to create a database
    #[arg(long, env = "FOREBAY_TEST_POSTGRES", value_name = "URL", global = true)]
    postgres: Option<String>,
    /// The program to measure; the one beside this if left out
    #[arg(long, value_name = "FILE", global = true)]
    program: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The floor of ingest as a separate server: axum, HMAC-SHA256, a producer, nothing else
    #[command(hide = true)]
    Floor {
        /// Port to listen on
        port: u16,
        /// Topic to publish to
        topic: String,
    },
    /// The floor of deliveries as a separate process: hyper-util's client, HMAC-SHA256, nothing else
    #[command(hide = true)]
    Post {
        /// File with a body a line
        bodies: PathBuf,
        /// How many are posted to each port
        events: usize,
        /// Ports of the loopback
        #[arg(required = true)]
        ports: Vec<u16>,
    },
    /// Receivers of deliveries as a separate process
    #[command(hide = true)]
    Receive {
        /// How many
        count: usize,
    },
}

/// The settings of every part.
#[derive(Debug)]
struct Setting {
    kafka: String,
    postgres: String,
    program: PathBuf,
    time: Duration,
    long: bool,
    only: Option<String>,
}

impl Setting {
    /// Whether a part or case of this name was asked for.
    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.starts_with(only))
    }

    /// Whether a part of this name was asked for, or a case of it.
    fn wants_of(&self, part: &str) -> bool {
        self.wants(part) || self.only.as_deref().is_some_and(|only| only.starts_with(part))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In words: a backtrace says nothing to who measures.
            report::print_error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn measure(cli: Cli) -> anyhow::Result<()> {
    let needed = |value: Option<String>, name: &str| {
        value.ok_or_else(|| anyhow::anyhow!("{name} is not set: run `./run bench`, which starts the services"))
    };
    let kafka = needed(cli.kafka, "FOREBAY_TEST_KAFKA")?;
    match cli.command {
        Some(Command::Floor { port, topic }) => return floor::serve(port, &kafka, topic).await,
        Some(Command::Post { bodies, events, ports }) => return post::send(&bodies, events, ports).await,
        Some(Command::Receive { count }) => return receiver::serve(count).await,
        None => {}
    }
    let setting = Setting {
        kafka,
        postgres: needed(cli.postgres, "FOREBAY_TEST_POSTGRES")?,
        program: program(cli.program)?,
        time: Duration::from_secs(cli.seconds),
        long: cli.long,
        only: cli.only,
    };
    let mut report = report::Report::default();
    if setting.wants("ingest") {
        ingest::measure(&setting, &mut report).await?;
    }
    if setting.wants("postgres") {
        postgres::measure(&setting, &mut report).await?;
    }
    if setting.wants("state") {
        state::measure(&setting, &mut report).await?;
    }
    if setting.wants("questions") {
        questions::measure(&setting, &mut report).await?;
    }
    if setting.wants("dev") {
        dev::measure(&setting, &mut report).await?;
    }
    if setting.wants_of("fan-out") {
        fan_out::measure(&setting, &mut report).await?;
    }
    if setting.wants_of("isolation") {
        isolation::measure(&setting, &mut report).await?;
    }
    if setting.wants_of("many") {
        many::measure(&setting, &mut report).await?;
    }
    report.write()
}

/// The program to measure: `named`, or the one that was built beside this one, wherever Cargo put both.
fn program(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let program = match named {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("forebay"),
    };
    anyhow::ensure!(
        program.is_file(),
        "there is no program `{}`: build it with `cargo build --release -p forebay`, or name one with --program",
        program.display()
    );
    Ok(program)
}
