//! The table of a run on standard output, a line as each case ends, and the same as JSON in `target/faults.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use parking_lot::Mutex;
use serde_json::{Value, json};

use harness::load::judge::{Finding, Verdict};

/// The figures of one case besides its verdict.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) phase: String,
    pub(crate) acts: usize,
    /// How many attempts had each answer other than 2xx.
    pub(crate) not_accepted: BTreeMap<String, u64>,
    /// The longest time without a 2xx or without a new row while the load was on.
    pub(crate) pause_ms: i64,
    /// The time from the last recovery until everything accepted before it was delivered everywhere.
    pub(crate) recovery_ms: Option<i64>,
    pub(crate) seconds: i64,
    /// Other measurements.
    pub(crate) more: Value,
}

const COLUMNS: &str = "phase | acts | accepted | rows | lost | doubled | order | not delivered | repeats at receivers | non-2xx | \
                       longest pause | recovery | load";

/// The lines of this process, in the order in which the cases ended.
static LINES: Mutex<Vec<Value>> = Mutex::new(Vec::new());

const ORDER: [Finding; 4] = [
    Finding::LogOrder,
    Finding::StoredOrder,
    Finding::ArrivalOrder,
    Finding::SplitKey,
];

/// Prints the line of a case, and rewrites the file.
pub(crate) fn add(line: &Line, verdict: &Verdict) {
    let mut non_2xx = String::new();
    for (answer, count) in &line.not_accepted {
        let separator = if non_2xx.is_empty() { "" } else { ", " };
        write!(non_2xx, "{separator}{count} × {answer}").expect("written");
    }
    let seconds = |ms: i64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let row = [
        line.phase.clone(),
        line.acts.to_string(),
        verdict.accepted.to_string(),
        verdict.rows.to_string(),
        verdict.count(&[Finding::Lost]).to_string(),
        verdict.count(&[Finding::Doubled]).to_string(),
        verdict.count(&ORDER).to_string(),
        verdict.count(&[Finding::NotDelivered]).to_string(),
        format!("{} of {}", verdict.repeats, verdict.arrivals),
        if non_2xx.is_empty() { "0".to_owned() } else { non_2xx },
        seconds(line.pause_ms),
        line.recovery_ms.map_or_else(|| "–".to_owned(), seconds),
        load.to_owned(),
    ]
    .join(" | ");
    let findings: serde_json::Map<String, Value> = verdict
        .findings
        .iter()
        .map(|(finding, (count, first))| (format!("{finding:?}"), json!({ "count": count, "first": first })))
        .collect();
    let value = json!({
        "phase": line.phase,
        "acts": line.acts,
        "accepted": verdict.accepted,
        "rows": verdict.rows,
        "lost": verdict.count(&[Finding::Lost]),
        "doubled": verdict.count(&[Finding::Doubled]),
        "order": verdict.count(&ORDER),
        "not_delivered": verdict.count(&[Finding::NotDelivered]),
        "arrivals": verdict.arrivals,
        "repeats": verdict.repeats,
        "not_accepted": line.not_accepted,
        "longest_pause_ms": line.pause_ms,
        "recovery_ms": line.recovery_ms,
        "seconds": line.seconds,
        "load": load,
        "findings": findings,
        "more": line.more,
    });

    let mut lines = LINES.lock();
    // Directly to the stream, because the test harness shows captured output only of failures.
    let mut out = std::io::stdout().lock();
    if lines.is_empty() {
        let rule = "---|".repeat(COLUMNS.split('|').count());
        writeln!(out, "\n| {COLUMNS} |\n|{rule}").expect("standard output");
    }
    writeln!(out, "| {row} |").expect("standard output");
    lines.push(value);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("faults.json");
    let text = serde_json::to_string_pretty(&*lines).expect("JSON");
    std::fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}
