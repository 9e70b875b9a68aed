//! What the program says on standard output and standard error.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::tcgetwinsize;
use tokio::sync::oneshot;

use crate::config::ConfigError;

/// Standard output. It remembers the first line that could not be written, and `main` reports it at the end: no command can
/// forget to.
#[derive(Debug, Default)]
pub(crate) struct Printer {
    failed: Option<io::Error>,
}

impl Printer {
    /// Prints a line. `false` says that no more can be: a command that only lists ends then, one that does something continues.
    pub(crate) fn line(&mut self, text: &str) -> bool {
        if self.failed.is_none() {
            let mut out = io::stdout().lock();
            self.failed = writeln!(out, "{text}").and_then(|()| out.flush()).err();
        }
        self.failed.is_none()
    }

    /// Prints what the command line itself answers: help, or the version.
    pub(crate) fn answer(&mut self, answer: &clap::Error) {
        self.failed = answer.print().err();
    }

    /// Whether everything was written. A reader that has gone away (`| head`) had what it wanted; a full disk is an error.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self.failed.or_else(|| io::stdout().flush().err()) {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(anyhow::Error::new(error).context("cannot write the output"))
            }
            _ => Ok(()),
        }
    }
}

/// Prints why the program ends, without a backtrace.
pub(crate) fn error(error: &anyhow::Error) {
    drop(writeln!(io::stderr(), "{}", error_lines(error)));
}

/// Each thing that is wrong with a configuration is a line of its own, and begins as an error does; an indented line belongs
/// to the one before.
fn error_lines(error: &anyhow::Error) -> String {
    let text = in_words(error);
    if !error.is::<ConfigError>() {
        return format!("error: {text}");
    }
    let line = |line: &str| match line.chars().next() {
        Some(first) if !first.is_whitespace() => format!("error: {line}"),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// An error and its causes on one line.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some libraries repeat their cause in their own message.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Prints something for people, beside the output proper.
pub(crate) fn remark(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Prints lines of a running program on standard output. Nothing depends on them: what cannot be written is left out.
pub(crate) fn for_people(lines: &[String]) {
    let mut out = io::stdout().lock();
    for line in lines {
        drop(writeln!(out, "{line}"));
    }
    drop(out.flush());
}

/// A count in words: `1 warning`, `2 warnings`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// Whether people read standard output.
pub(crate) fn terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Where the program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// Whether what is written there may have colours: on a terminal that knows them, unless `NO_COLOR` says otherwise.
pub(crate) fn colour(stream: Stream) -> bool {
    let terminal = match stream {
        Stream::Output => terminal(),
        Stream::Error => io::stderr().is_terminal(),
    };
    // `NO_COLOR` counts whatever its value is, unless that is empty (no-color.org).
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let unable = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    terminal && !unwanted && !unable
}

/// How many columns the terminal has that standard output goes to; `None` if it goes elsewhere or the terminal does not say.
pub(crate) fn columns() -> Option<usize> {
    if !terminal() {
        return None;
    }
    let named = std::env::var_os("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    let asked = || Some(usize::from(tcgetwinsize(io::stdout()).ok()?.ws_col));
    named.or_else(asked).filter(|columns| *columns > 0)
}

/// Ends when no one reads standard output any more: a reader that goes away is noticed before the next line, too.
pub(crate) async fn reader_gone() {
    let (gone, noticed) = oneshot::channel::<()>();
    let watch = move || {
        let out = io::stdout();
        loop {
            // Nothing is asked for: what a poll always reports is an error or a hang-up of the other side.
            let mut watched = [PollFd::new(&out, PollFlags::empty())];
            match poll(&mut watched, None) {
                Err(rustix::io::Errno::INTR) | Ok(0) => {}
                Err(_) => return,
                Ok(_) => break,
            }
        }
        // The command may have ended by now.
        gone.send(()).ok();
    };
    // Of its own, for it ends with the process only.
    let started = std::thread::Builder::new().name("output".to_owned()).spawn(watch);
    if started.is_err() || noticed.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// JSON on one line: white space between tokens goes, everything else stays to the byte (numbers and escapes too).
pub(crate) fn json_line(json: &[u8]) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        if in_string {
            out.push(byte);
            (escaped, in_string) = (byte == b'\\' && !escaped, escaped || byte != b'"');
        } else if !byte.is_ascii_whitespace() {
            out.push(byte);
            in_string = byte == b'"';
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Columns as wide as their widest cell, two spaces between them.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let line = |row: &[String; N]| {
        let cells: Vec<String> = (0..N)
            .map(|c| format!("{:<width$}", row[c], width = width(c)))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_put_on_one_line_and_nothing_else_happens_to_it() {
        let json = b"{ \"a b\" : [ 1.0e0 ,\n 9007199254740993 ], \"c\": \"x \\\" \\\\\" , \"d\":\"\\u00e9 \" }";
        assert_eq!(
            json_line(json),
            r#"{"a b":[1.0e0,9007199254740993],"c":"x \" \\","d":"\u00e9 "}"#
        );
    }

    #[test]
    fn every_error_of_a_configuration_begins_as_one() {
        let two = anyhow::Error::from(ConfigError("a.yaml:1:2: one\na.yaml:3:4: two\n  | there".to_owned()));
        assert_eq!(
            error_lines(&two),
            "error: a.yaml:1:2: one\nerror: a.yaml:3:4: two\n  | there"
        );
        let log = anyhow::anyhow!("it did not start:\nits log");
        assert_eq!(error_lines(&log), "error: it did not start:\nits log");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), ["a    bb", "ccc  d"]);
    }
}
