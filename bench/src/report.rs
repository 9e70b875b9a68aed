//! The table and `bench.json`, which lies in the target folder that this program was built into.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

/// One measured figure, and the floor's from the same run.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    figure: f64,
    unit: &'static str,
    /// The figure of the floor; absent where there is no floor.
    floor: Option<f64>,
    /// `figure / floor`.
    ratio: Option<f64>,
}

/// Collects figures.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

impl Report {
    /// Adds a figure and prints it at once.
    #[expect(clippy::print_stderr, reason = "progress of a tool for people")]
    pub(crate) fn add(&mut self, name: impl Into<String>, figure: f64, unit: &'static str, floor: Option<f64>) {
        let ratio = floor.filter(|f| *f > 0.0).map(|f| figure / f);
        let row = Row {
            name: name.into(),
            figure,
            unit,
            floor,
            ratio,
        };
        eprintln!("{}", line(&row));
        self.0.push(row);
    }

    /// Prints the table and writes the file.
    #[expect(clippy::print_stdout, reason = "the table is what this tool is for")]
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        println!(
            "{:<52} {:>12} {:<14} {:>12} {:>7}",
            "name", "figure", "unit", "floor", "ratio"
        );
        for row in &self.0 {
            println!("{}", line(row));
        }
        // The folder above that of the profile, `release`.
        let program = std::env::current_exe()?;
        let target = program
            .parent()
            .and_then(Path::parent)
            .context("this program lies in no target folder")?;
        let file = target.join("bench.json");
        fs::write(&file, serde_json::to_string_pretty(&self.0)?)
            .with_context(|| format!("cannot write `{}`", file.display()))
    }
}

/// Prints under which conditions what follows is measured.
#[expect(clippy::print_stderr, reason = "progress of a tool for people")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints why the measurement ended.
#[expect(clippy::print_stderr, reason = "a tool for people")]
pub(crate) fn print_error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

fn line(f: &Row) -> String {
    let optional = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |v| format!("{v:.digits$}"));
    format!(
        "{:<52} {:>12.1} {:<14} {:>12} {:>7}",
        f.name,
        f.figure,
        f.unit,
        optional(f.floor, 1),
        optional(f.ratio, 2)
    )
}
