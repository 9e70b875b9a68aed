//! The table of a run: what each case does as it does it, and in the end a line per case, in `target/cluster.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use parking_lot::Mutex;

use harness::load::judge::{Finding, Verdict};

/// The figures of one case besides its verdict.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) case: &'static str,
    /// How many attempts had each answer other than 2xx.
    pub(crate) not_accepted: BTreeMap<String, u64>,
    /// The longest time without a 2xx or without a new row under load.
    pub(crate) pause_ms: i64,
    pub(crate) loaded_ms: i64,
    pub(crate) steps: Vec<(String, f64)>,
    pub(crate) notes: Vec<String>,
    pub(crate) complaints: Vec<String>,
}

const COLUMNS: &str = "case | steps | load | answered 2xx | other answers | rows | lost | doubled | order broken | not delivered | \
                       repeats at the receiver | longest pause | result";

/// The lines of this process, in the order in which the cases ended.
static LINES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

const ORDER: [Finding; 4] = [
    Finding::LogOrder,
    Finding::StoredOrder,
    Finding::ArrivalOrder,
    Finding::SplitKey,
];

/// Prints a line at once: the test harness shows captured output only of failures.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").expect("standard output");
}

/// Notes a case that has ended, and rewrites the file.
pub(crate) fn add(line: &Line, verdict: &Verdict) {
    let steps: Vec<String> = line
        .steps
        .iter()
        .map(|(name, seconds)| format!("{name} {seconds:.1} s"))
        .collect();
    let others: Vec<String> = line
        .not_accepted
        .iter()
        .map(|(answer, count)| format!("{count} × {answer}"))
        .collect();
    let row = [
        line.case.to_owned(),
        steps.join(", "),
        format!("{} s", line.loaded_ms / 1000),
        verdict.accepted.to_string(),
        if others.is_empty() {
            "0".to_owned()
        } else {
            others.join(", ")
        },
        verdict.rows.to_string(),
        verdict.count(&[Finding::Lost]).to_string(),
        verdict.count(&[Finding::Doubled]).to_string(),
        verdict.count(&ORDER).to_string(),
        verdict.count(&[Finding::NotDelivered]).to_string(),
        verdict.repeats.to_string(),
        format!("{}.{} s", line.pause_ms / 1000, line.pause_ms % 1000 / 100),
        if line.complaints.is_empty() { "passed" } else { "FAILED" }.to_owned(),
    ]
    .join(" | ");
    let mut notes = String::new();
    for note in line.notes.iter().chain(&line.complaints) {
        writeln!(notes, "- {}: {note}", line.case).expect("written");
    }
    say(&format!("| {COLUMNS} |\n| {row} |"));

    let mut lines = LINES.lock();
    lines.push((row, notes));
    let mut text = format!("| {COLUMNS} |\n|{}\n", "---|".repeat(COLUMNS.split('|').count()));
    for (row, _) in &*lines {
        writeln!(text, "| {row} |").expect("written");
    }
    text.push('\n');
    text.extend(lines.iter().map(|(_, notes)| notes.as_str()));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("cluster.md");
    std::fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}
