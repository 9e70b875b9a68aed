//! What is typed while `forebay dev` runs: a line each, so that the terminal stays as it is.

use std::io::{IsTerminal as _, stdin};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lines::Lines;
use crate::output;

const HELP: [&str; 4] = [
    "r    sends the last event that was delivered again, with the same webhook-id",
    "r N  the same for the event of line [N]",
    "q    ends, as Ctrl-C does",
    "?    says this",
];

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Again(Option<u64>),
    End,
    Help,
    Nothing,
}

fn wish(line: &str) -> Wish {
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Wish::Nothing,
        (Some("r"), None, _) => Wish::Again(None),
        (Some("r"), Some(number), None) => match number.trim_matches(['[', ']']).parse() {
            Ok(number) => Wish::Again(Some(number)),
            Err(_) => Wish::Help,
        },
        (Some("q"), None, _) => Wish::End,
        _ => Wish::Help,
    }
}

/// Whether anyone types here: a terminal, and this process is not in its background, where reading would stop it.
pub(super) fn are_read() -> bool {
    let here = rustix::termios::tcgetpgrp(stdin());
    stdin().is_terminal() && here.is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Does what is typed.
pub(super) fn obey(lines: Arc<Lines>, shutdown: CancellationToken) {
    if !are_read() {
        return;
    }
    let (sender, mut typed) = mpsc::unbounded_channel();
    // A thread of its own, for which the end of the process does not wait.
    std::thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(line) = typed.recv().await {
            match wish(&line) {
                Wish::Again(number) => lines.again(number).await,
                Wish::End => shutdown.cancel(),
                Wish::Help => output::for_people(&HELP.map(str::to_owned)),
                Wish::Nothing => {}
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_wish_or_gets_help() {
        for (line, expected) in [
            ("r", Wish::Again(None)),
            (" r 12 ", Wish::Again(Some(12))),
            ("r [12]", Wish::Again(Some(12))),
            ("r x", Wish::Help),
            ("r 1 2", Wish::Help),
            ("q", Wish::End),
            ("?", Wish::Help),
            ("quit", Wish::Help),
            ("", Wish::Nothing),
        ] {
            assert_eq!(wish(line), expected, "{line}");
        }
    }
}
