//! The process of the receivers (`receiver`), as who measures has it in hand.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::process::cpu_of;
use crate::receiver::Mode;

/// A delivery that was answered 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Which endpoint it came to, from 0.
    pub(crate) endpoint: usize,
    /// The number of its message.
    pub(crate) number: u64,
    /// When, in microseconds of the wall clock.
    pub(crate) at_us: u64,
}

/// Endpoints on ports of the loopback, in a process that is killed on drop.
#[derive(Debug)]
pub(crate) struct Receivers {
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Where each endpoint listens.
    pub(crate) ports: Vec<u16>,
}

impl Receivers {
    /// Starts `count` endpoints.
    pub(crate) fn start(count: usize) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["receive", &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the receivers")?;
        let commands = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        let mut started = Self {
            child,
            commands,
            answers: BufReader::new(output).lines(),
            ports: Vec::new(),
        };
        let ports = started.line()?;
        started.ports = ports.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        Ok(started)
    }

    /// Makes the endpoints from `first` on, `count` of them, do this from now on.
    pub(crate) fn set(&mut self, first: usize, count: usize, mode: Mode) -> anyhow::Result<()> {
        let last = first + count - 1;
        let answer = self.ask(&format!("mode {first} {last} {}", mode.name()))?;
        ensure!(answer == "ok", "the receivers answer `{answer}`");
        Ok(())
    }

    /// From now on, each delivery is noted for [`Self::arrivals`].
    pub(crate) fn note(&mut self) -> anyhow::Result<()> {
        let answer = self.ask("note")?;
        ensure!(answer == "ok", "the receivers answer `{answer}`");
        Ok(())
    }

    /// Returns how many deliveries were answered 200.
    pub(crate) fn count(&mut self) -> anyhow::Result<u64> {
        Ok(self.ask("count")?.parse()?)
    }

    /// Returns what was noted since the last time, in order.
    pub(crate) fn arrivals(&mut self) -> anyhow::Result<Vec<Arrival>> {
        let lines = self.ask_many("arrivals")?;
        lines.iter().map(|line| arrival(line)).collect()
    }

    /// Returns some of the bodies that came.
    pub(crate) fn bodies(&mut self) -> anyhow::Result<Vec<String>> {
        self.ask_many("bodies")
    }

    /// Returns its processor time.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(&self.child.id().to_string())
    }

    fn ask(&mut self, command: &str) -> anyhow::Result<String> {
        writeln!(self.commands, "{command}").context("the receivers have ended")?;
        self.line()
    }

    fn ask_many(&mut self, command: &str) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        let mut line = self.ask(command)?;
        while line != "." {
            lines.push(line);
            line = self.line()?;
        }
        Ok(lines)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        Ok(self.answers.next().context("the receivers have ended")??)
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn arrival(line: &str) -> anyhow::Result<Arrival> {
    let mut words = line.split(' ');
    let mut word = || words.next().context("an arrival has three words");
    Ok(Arrival {
        endpoint: word()?.parse()?,
        number: word()?.parse()?,
        at_us: word()?.parse()?,
    })
}
