//! Compares what the ledger requires with the rows of the table, the arrivals at the receivers and the dead letters.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::Row as _;

use super::ledger::{Book, EventState};
use super::recorder::Arrival;

/// One row of the table `event`.
#[derive(Debug, Clone)]
pub struct Row {
    /// Empty if the body has none.
    pub mark: String,
    /// Where its event is in the log.
    pub partition: i32,
    /// The position in the partition.
    pub offset: i64,
    /// When its transaction began.
    pub stored_ms: i64,
}

/// Everything that is judged.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What was sent.
    pub book: Book,
    /// The rows, in any order.
    pub rows: Vec<Row>,
    /// Per receiver, in order of arrival.
    pub receivers: Vec<Vec<Arrival>>,
    /// How many dead letters there are.
    pub dead_letters: u64,
    /// How many there should be.
    pub expected_dead_letters: u64,
}

/// One way to break a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The sender did not finish its plan.
    Unfinished,
    /// An accepted event without a row.
    Lost,
    /// More than one row of one event.
    Doubled,
    /// A row of an event that was not sent.
    Foreign,
    /// A row or an arrival of a refused event.
    RefusedButThere,
    /// In the log, an event precedes an earlier one of its key.
    LogOrder,
    /// A later transaction stored an earlier event of a key.
    StoredOrder,
    /// The events of one key are in two partitions.
    SplitKey,
    /// Two rows have the same position.
    SharedPosition,
    /// An accepted event that never arrived at a receiver.
    NotDelivered,
    /// An arrival of an event that was not sent.
    DeliveredForeign,
    /// The first arrival of an event came after that of a later one of its key.
    ArrivalOrder,
    /// One event arrived with two ids.
    TwoIds,
    /// A signature did not verify.
    Unsigned,
    /// More dead letters than expected, or fewer.
    DeadLetters,
}

/// The result of a judgement.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many events were accepted.
    pub accepted: usize,
    /// How many rows are of events of the book.
    pub rows: usize,
    /// How many deliveries are.
    pub arrivals: usize,
    /// Arrivals of an event that had arrived at that receiver before: allowed, and counted.
    pub repeats: usize,
    /// How often each was found, and the first case.
    pub findings: BTreeMap<Finding, (usize, String)>,
}

impl Verdict {
    fn add(&mut self, finding: Finding, first: impl FnOnce() -> String) {
        self.add_many(finding, 1, first);
    }

    fn add_many(&mut self, finding: Finding, count: usize, first: impl FnOnce() -> String) {
        let found = self.findings.entry(finding).or_insert_with(|| (0, first()));
        found.0 += count;
    }

    /// Returns how often any of these was found.
    pub fn count(&self, findings: &[Finding]) -> usize {
        findings.iter().filter_map(|f| self.findings.get(f)).map(|f| f.0).sum()
    }
}

/// Compares the evidence with its book.
pub fn judge(evidence: &Evidence) -> Verdict {
    let book = &evidence.book;
    let mut verdict = Verdict {
        accepted: book.accepted().count(),
        ..Verdict::default()
    };
    for (number, entry) in book.entries.iter().enumerate() {
        if entry.state == EventState::Open {
            verdict.add(Finding::Unfinished, || name(book, number));
        }
    }
    judge_rows(book, &evidence.rows, &mut verdict);
    for (receiver, arrivals) in evidence.receivers.iter().enumerate() {
        judge_arrivals(book, receiver, arrivals, &mut verdict);
    }
    if evidence.dead_letters != evidence.expected_dead_letters {
        let difference = evidence.dead_letters.abs_diff(evidence.expected_dead_letters);
        verdict.add_many(
            Finding::DeadLetters,
            usize::try_from(difference).unwrap_or(usize::MAX),
            || {
                format!(
                    "{} found, {} expected",
                    evidence.dead_letters, evidence.expected_dead_letters
                )
            },
        );
    }
    verdict
}

fn name(book: &Book, number: usize) -> String {
    format!("event {number} of key {}", book.key(number))
}

fn is_accepted(book: &Book, number: usize) -> bool {
    matches!(book.entries[number].state, EventState::Accepted { .. })
}

fn judge_rows(book: &Book, rows: &[Row], verdict: &mut Verdict) {
    let mut ours: Vec<(usize, &Row)> = Vec::with_capacity(rows.len());
    let mut positions = HashSet::new();
    for row in rows {
        if !positions.insert((row.partition, row.offset)) {
            verdict.add(Finding::SharedPosition, || {
                format!("partition {} offset {}", row.partition, row.offset)
            });
        }
        match book.number(&row.mark) {
            Some(number) => ours.push((number, row)),
            None => verdict.add(Finding::Foreign, || format!("a row with the mark `{}`", row.mark)),
        }
    }
    verdict.rows = ours.len();

    let mut stored = HashSet::with_capacity(ours.len());
    let mut partitions: HashMap<usize, i32> = HashMap::new();
    for (number, row) in &ours {
        if !stored.insert(*number) {
            verdict.add(Finding::Doubled, || name(book, *number));
        }
        if book.entries[*number].state == EventState::Refused {
            verdict.add(Finding::RefusedButThere, || name(book, *number));
        }
        let partition = *partitions.entry(book.key(*number)).or_insert(row.partition);
        if partition != row.partition {
            verdict.add(Finding::SplitKey, || {
                format!(
                    "{} in partition {}, others in {partition}",
                    name(book, *number),
                    row.partition
                )
            });
        }
    }
    for (number, _) in book.accepted() {
        if !stored.contains(&number) {
            verdict.add(Finding::Lost, || name(book, number));
        }
    }

    // Where the outcome is unknown, no order was promised.
    ours.retain(|(number, _)| is_accepted(book, *number));
    ours.sort_by_key(|(_, row)| (row.partition, row.offset));
    // Nor was any order promised between partitions.
    let in_log = ours.iter().map(|(number, row)| (row.partition, *number));
    inversions(book, in_log, Finding::LogOrder, verdict);
    ours.sort_by_key(|(number, row)| (row.stored_ms, *number));
    let stored = ours.iter().map(|(number, _)| (0, *number));
    inversions(book, stored, Finding::StoredOrder, verdict);
}

fn judge_arrivals(book: &Book, receiver: usize, arrivals: &[Arrival], verdict: &mut Verdict) {
    let mut ids: HashMap<usize, &str> = HashMap::new();
    let mut firsts = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        let here = |what: String| format!("{what} at receiver {receiver}");
        let Some(number) = book.number(&arrival.mark) else {
            verdict.add(Finding::DeliveredForeign, || {
                here(format!("the mark `{}`", arrival.mark))
            });
            continue;
        };
        verdict.arrivals += 1;
        if !arrival.verified {
            verdict.add(Finding::Unsigned, || here(name(book, number)));
        }
        if book.entries[number].state == EventState::Refused {
            verdict.add(Finding::RefusedButThere, || here(name(book, number)));
        }
        match ids.get(&number) {
            None => {
                ids.insert(number, &arrival.id);
                firsts.push(number);
            }
            Some(id) => {
                verdict.repeats += 1;
                if *id != arrival.id {
                    verdict.add(Finding::TwoIds, || {
                        here(format!("{} as {id} and {}", name(book, number), arrival.id))
                    });
                }
            }
        }
    }
    for (number, _) in book.accepted() {
        if !ids.contains_key(&number) {
            verdict.add(Finding::NotDelivered, || {
                format!("{} at receiver {receiver}", name(book, number))
            });
        }
    }
    firsts.retain(|number| is_accepted(book, *number));
    inversions(
        book,
        firsts.into_iter().map(|number| (0, number)),
        Finding::ArrivalOrder,
        verdict,
    );
}

/// Checks that within each key of each partition the numbers rise.
fn inversions(book: &Book, numbers: impl Iterator<Item = (i32, usize)>, finding: Finding, verdict: &mut Verdict) {
    let mut highest: HashMap<(i32, usize), usize> = HashMap::new();
    for (partition, number) in numbers {
        let highest = highest.entry((partition, book.key(number))).or_insert(number);
        if number < *highest {
            let after = *highest;
            verdict.add(finding, || format!("{} after event {after}", name(book, number)));
        }
        *highest = number.max(*highest);
    }
}

/// Reads the rows of the table.
pub async fn rows(pool: &sqlx::PgPool) -> Vec<Row> {
    let sql = r#"SELECT coalesce(substring(convert_from(raw, 'UTF8') from '"mark":"([^"]*)"'), '') AS mark, log_partition, log_offset,
                        (extract(epoch FROM stored_time) * 1000)::bigint AS stored_ms FROM event"#;
    let rows = sqlx::query(sql).fetch_all(pool).await.expect("the table is readable");
    rows.iter()
        .map(|row| Row {
            mark: row.get("mark"),
            partition: row.get("log_partition"),
            offset: row.get("log_offset"),
            stored_ms: row.get("stored_ms"),
        })
        .collect()
}

/// Returns the longest time without a 2xx, or without a new row, under a load from one time to another.
pub fn longest_pause(evidence: &Evidence, (from, to): (i64, i64)) -> i64 {
    let gap = |mut moments: Vec<i64>| {
        moments.extend([from, to]);
        moments.retain(|m| (from..=to).contains(m));
        moments.sort_unstable();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    };
    let accepted = evidence.book.accepted().map(|(_, at)| at).collect();
    let stored = evidence.rows.iter().map(|row| row.stored_ms).collect();
    gap(accepted).max(gap(stored))
}
