//! A backlog in memory, which can be away, slow, or taken over. Time is that of the runtime, which a test may have paused.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use schemas::BoxFuture;
use schemas::backlog::{
    Backlog, BacklogError, Change, Claim, Condition, Contents, Disabled, Due, Finding, Order, Standing, TargetRows,
    Waiting, Wanted, What, Which,
};
use schemas::name::SinkName;
use schemas::record::{Offset, Partition, TopicId};
use schemas::time::Timestamp;

use crate::crash::CrashPoints;

/// A partition of a sink.
type Stream = (SinkName, Partition);
/// A row's place in it.
type Place = (String, Offset);

/// The backlog. Clones share their rows.
#[derive(Debug, Clone, Default)]
pub struct MemoryBacklog(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    rows: HashMap<Stream, BTreeMap<Place, Waiting>>,
    epochs: HashMap<Stream, u64>,
    conditions: BTreeMap<String, Condition>,
    version: i64,
    orders: Vec<Order>,
    away: bool,
    delay: Duration,
    writes: usize,
    /// The answers to so many of the next writes are lost: they are made, and an error is returned.
    answers_lost: u32,
    crash: CrashPoints,
}

#[derive(Debug)]
struct MemoryClaim {
    backlog: MemoryBacklog,
    stream: Stream,
    epoch: u64,
}

impl MemoryBacklog {
    /// Has it answer nothing but that it is away, or answer again.
    pub fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    /// Has every answer take so long.
    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// Loses the answers to the next `count` writes: they are made, and whoever made them does not know.
    pub fn lose_answers(&self, count: u32) {
        self.lock().answers_lost = count;
    }

    /// Has every question and every answer be a moment at which its process may die.
    pub fn crash_at(&self, points: &CrashPoints) {
        self.lock().crash = points.clone();
    }

    /// Takes all partitions over, as another process would.
    pub fn take_over(&self) {
        self.lock().epochs.values_mut().for_each(|epoch| *epoch += 1);
    }

    /// Returns the offsets that wait for a target, in order.
    pub fn waiting(&self, target: &str) -> Vec<i64> {
        let state = self.lock();
        let rows = state.rows.values().flat_map(BTreeMap::keys);
        let mut offsets: Vec<i64> = rows
            .filter(|(waits_for, _)| waits_for == target)
            .map(|(_, offset)| offset.0)
            .collect();
        offsets.sort_unstable();
        offsets
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.lock().rows.values().map(BTreeMap::len).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many changes were written.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// Returns what is known of a target.
    pub fn condition(&self, target: &str) -> Option<Condition> {
        self.lock().conditions.get(target).cloned()
    }

    /// Gives an order, as an operator would.
    pub fn order(&self, target: &str, what: What) {
        let mut state = self.lock();
        let id = i64::try_from(state.orders.len()).expect("few") + 1;
        state.orders.push(Order {
            id,
            target: target.to_owned(),
            what,
        });
    }

    async fn ready(&self) -> Result<(), BacklogError> {
        let (delay, crash) = {
            let state = self.lock();
            (state.delay, state.crash.clone())
        };
        crash.pass().await;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if self.lock().away {
            return Err(BacklogError::Unavailable("the database is away".to_owned()));
        }
        Ok(())
    }

    /// What is asked is done, and the answer on its way.
    async fn answered(&self) {
        let crash = self.lock().crash.clone();
        crash.pass().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }
}

impl Backlog for MemoryBacklog {
    fn claim<'a>(
        &'a self,
        sink: &'a SinkName,
        partition: &'a Partition,
        _: Option<&'a TopicId>,
    ) -> BoxFuture<'a, Result<Arc<dyn Claim>, BacklogError>> {
        Box::pin(async move {
            self.ready().await?;
            let stream = (sink.clone(), partition.clone());
            let epoch = {
                let mut state = self.lock();
                let epoch = state.epochs.entry(stream.clone()).or_default();
                *epoch += 1;
                *epoch
            };
            let backlog = self.clone();
            self.answered().await;
            Ok(Arc::new(MemoryClaim { backlog, stream, epoch }) as Arc<dyn Claim>)
        })
    }

    fn conditions<'a>(
        &'a self,
        _: &'a SinkName,
        after: Option<i64>,
    ) -> BoxFuture<'a, Result<Vec<Condition>, BacklogError>> {
        Box::pin(async move {
            self.ready().await?;
            let state = self.lock();
            let newer = state.conditions.values().filter(|c| Some(c.version) > after);
            Ok(newer.cloned().collect())
        })
    }

    fn note<'a>(
        &'a self,
        _: &'a SinkName,
        target: &'a str,
        finding: Finding,
    ) -> BoxFuture<'a, Result<Option<Condition>, BacklogError>> {
        Box::pin(async move {
            self.ready().await?;
            Ok(self.lock().note(target, finding))
        })
    }

    fn waiting<'a>(&'a self, _: &'a SinkName) -> BoxFuture<'a, Result<Vec<TargetRows>, BacklogError>> {
        Box::pin(async move {
            self.ready().await?;
            let state = self.lock();
            let mut found: BTreeMap<&str, TargetRows> = BTreeMap::new();
            for row in state.rows.values().flat_map(BTreeMap::values) {
                let of = found.entry(&row.target).or_insert_with(|| TargetRows {
                    target: row.target.clone(),
                    in_line: 0,
                    with_time: 0,
                    oldest_since: row.since,
                    next_due: None,
                });
                let count = if row.due.is_some() {
                    &mut of.with_time
                } else {
                    &mut of.in_line
                };
                *count += 1;
                of.oldest_since = of.oldest_since.min(row.since);
                of.next_due = [of.next_due, row.due].into_iter().flatten().min();
            }
            Ok(found.into_values().collect())
        })
    }

    fn orders<'a>(&'a self, _: &'a SinkName, after: i64) -> BoxFuture<'a, Result<Vec<Order>, BacklogError>> {
        Box::pin(async move {
            self.ready().await?;
            let state = self.lock();
            Ok(state.orders.iter().filter(|order| order.id > after).cloned().collect())
        })
    }

    fn newest_order<'a>(&'a self, _: &'a SinkName) -> BoxFuture<'a, Result<i64, BacklogError>> {
        Box::pin(async move {
            self.ready().await?;
            Ok(self.lock().orders.last().map_or(0, |order| order.id))
        })
    }
}

impl State {
    fn note(&mut self, target: &str, finding: Finding) -> Option<Condition> {
        let now = Timestamp::now();
        let condition = self.conditions.entry(target.to_owned()).or_insert_with(|| Condition {
            target: target.to_owned(),
            failing_since: None,
            disabled: None,
            version: 0,
        });
        let before = condition.clone();
        match finding {
            Finding::Failing { since } if condition.disabled.is_none() => {
                condition.failing_since.get_or_insert(since);
            }
            Finding::Failing { .. } => {}
            Finding::Works => condition.failing_since = None,
            Finding::Refuses { reason } => {
                condition.disabled.get_or_insert(Disabled { at: now, reason });
            }
            Finding::FailedSince { before, reason } => {
                if condition.failing_since.is_some_and(|since| since < before) {
                    condition.disabled.get_or_insert(Disabled { at: now, reason });
                }
            }
            Finding::Enabled => (condition.failing_since, condition.disabled) = (None, None),
        }
        if *condition == before {
            return None;
        }
        self.version += 1;
        condition.version = self.version;
        Some(condition.clone())
    }
}

impl MemoryClaim {
    fn is_owner(&self, state: &State) -> bool {
        state.epochs.get(&self.stream) == Some(&self.epoch)
    }

    fn make(&self, changes: &[Change]) -> Result<(), BacklogError> {
        let mut state = self.backlog.lock();
        if !self.is_owner(&state) {
            return Err(BacklogError::NotOwner);
        }
        state.writes += changes.len();
        let rows = state.rows.entry(self.stream.clone()).or_default();
        for change in changes {
            match change {
                Change::Add(waiting) => {
                    let place = (waiting.target.clone(), waiting.record.offset);
                    rows.entry(place).or_insert_with(|| waiting.clone());
                }
                Change::Tried {
                    target,
                    offset,
                    attempts,
                    due,
                } => {
                    if let Some(row) = rows.get_mut(&(target.clone(), *offset)) {
                        (row.attempts, row.due) = (*attempts, Some(*due));
                    }
                }
                Change::Remove { target, offset } => {
                    rows.remove(&(target.clone(), *offset));
                }
            }
        }
        Ok(())
    }
}

impl Claim for MemoryClaim {
    fn standing(&self) -> Standing {
        let state = self.backlog.lock();
        if !self.is_owner(&state) {
            return Standing::Lost;
        }
        if state.away {
            return Standing::Away("the database is away".to_owned());
        }
        Standing::Held
    }

    fn contents(&self, position: Offset) -> BoxFuture<'_, Result<Contents, BacklogError>> {
        Box::pin(async move {
            self.backlog.ready().await?;
            let state = self.backlog.lock();
            let mut contents = Contents::default();
            for ((target, offset), row) in state.rows.get(&self.stream).into_iter().flatten() {
                match row.due {
                    Some(at) => contents.due.push(Due {
                        target: target.clone(),
                        offset: *offset,
                        key: row.record.record.key.clone(),
                        at,
                    }),
                    None if contents.in_line.last() != Some(target) => contents.in_line.push(target.clone()),
                    None => {}
                }
                if *offset >= position {
                    contents.read_again.push((target.clone(), *offset));
                }
            }
            Ok(contents)
        })
    }

    fn write(&self, changes: Arc<[Change]>) -> BoxFuture<'_, Result<(), BacklogError>> {
        Box::pin(async move {
            self.backlog.ready().await?;
            self.make(&changes)?;
            self.backlog.answered().await;
            let mut state = self.backlog.lock();
            if state.answers_lost > 0 {
                state.answers_lost -= 1;
                return Err(BacklogError::Unavailable("the answer is lost".to_owned()));
            }
            Ok(())
        })
    }

    fn fetch(&self, wanted: Vec<Wanted>, before: Offset) -> BoxFuture<'_, Result<Vec<Waiting>, BacklogError>> {
        Box::pin(async move {
            self.backlog.ready().await?;
            let rows = self.backlog.lock().rows.get(&self.stream).cloned().unwrap_or_default();
            let mut found = Vec::new();
            for Wanted { target, which } in wanted {
                let lane = rows.iter().filter(|((of, _), _)| *of == target).map(|(_, row)| row);
                let lane = lane.filter(|row| row.record.offset < before);
                let past = |row: &Waiting, after: Option<Offset>| Some(row.record.offset) > after;
                match which {
                    Which::InLine { after, limit } => {
                        let in_line = lane.filter(|row| row.due.is_none() && past(row, after));
                        found.extend(in_line.take(limit).cloned());
                    }
                    Which::OfKey { key, after, limit } => {
                        let of_key = lane.filter(|row| row.ordered && row.record.record.key == key && past(row, after));
                        found.extend(of_key.take(limit).cloned());
                    }
                    Which::At(offset) => found.extend(lane.filter(|row| row.record.offset == offset).cloned()),
                }
            }
            self.backlog.answered().await;
            Ok(found)
        })
    }

    fn release(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
