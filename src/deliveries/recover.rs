//! All events of a span of time to one endpoint that should have got them: routed as the worker does, less what was delivered.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use control::past::{Past, Piece};
use schemas::backlog::Waiting;
use schemas::endpoint::Endpoint;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::log::Start;
use schemas::sink::Target;
use schemas::time::Timestamp;
use store::backlog::{Again, RowPlace};
use tokio::time::sleep;

use super::Deliveries;

/// What came into the log so lately may be under way, or delivered and not noted yet: it is waited for.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// How long it may take until an attempt that has ended is noted, if the database is there.
const NOTED_WITHIN: Duration = Duration::from_secs(2);

/// What is to be recovered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recovery {
    /// From when on, by the clock of the log.
    pub(crate) since: Timestamp,
    /// Until when, by the time of receipt; until now if it is not said.
    pub(crate) until: Option<Timestamp>,
    /// Whether nothing is added.
    pub(crate) dry_run: bool,
}

/// What became of the events of the span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Records that were looked at.
    pub(crate) read: u64,
    /// Those that the rules, or the endpoint's own `events` and `filter`, send to the endpoint.
    pub(crate) wanted: u64,
    /// Those of which no one can say whether it gets them, because a rule cannot be evaluated. Left out.
    pub(crate) undecided: u64,
    /// Of those wanted, what was delivered already, according to the attempt log.
    pub(crate) delivered: u64,
    /// Of those wanted, what is in the backlog already, or was when this began.
    pub(crate) waiting: u64,
    /// Of those wanted, what was added to the backlog; in a dry run, what would be.
    pub(crate) added: u64,
}

/// A delivery that may have to be added.
struct Candidate {
    event: EventId,
    received: Timestamp,
    row: (i32, Waiting),
}

impl Deliveries {
    /// Adds a row for each event of the span that the endpoint should have got, was not delivered and does not wait. `progress` is
    /// called now and then. After an error some may have been added; running it again is harmless.
    pub(crate) async fn recover(
        &self,
        endpoint: &Endpoint,
        recovery: Recovery,
        progress: &mut (dyn FnMut(&Counts) + Send),
    ) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        let target = endpoint.id.as_str();
        // A row goes before its attempt is noted. So what does not wait now, and is not noted as delivered a little later, is neither.
        let waiting = self.kept.backlog.places(&self.sink, target).await.context("store")?;
        sleep(NOTED_WITHIN).await;
        for topic in [&self.topics.events, &self.topics.operations] {
            let mut past = Past::begin(&*self.log, topic, Start::Since(recovery.since)).await?;
            while let Some(piece) = past.next_piece().await? {
                let candidates = self.candidates(endpoint, &piece, recovery.until, &mut counts);
                if !candidates.is_empty() {
                    self.add(endpoint, &piece, candidates, (&waiting, recovery.dry_run), &mut counts)
                        .await?;
                }
                progress(&counts);
            }
            past.close().await?;
        }
        Ok(counts)
    }

    fn candidates(
        &self,
        endpoint: &Endpoint,
        piece: &Piece,
        until: Option<Timestamp>,
        counts: &mut Counts,
    ) -> Vec<Candidate> {
        let target = Target::Named(endpoint.id.to_string());
        let mut candidates = Vec::new();
        for record in &piece.records {
            counts.read += 1;
            // What is no event is a dead letter of every sink: no endpoint is to get it.
            let Ok(event) = Event::decode(&record.record.value) else {
                continue;
            };
            let received = event.attributes.received;
            if event.attributes.tenant != endpoint.tenant || until.is_some_and(|until| received >= until) {
                continue;
            }
            let event = Arc::new(event);
            let routed = self.router.route(&event, &piece.partition, record);
            if let Some(delivery) = routed.deliveries.into_iter().find(|delivery| delivery.target == target) {
                candidates.push(Candidate {
                    event: event.id(),
                    received,
                    row: (piece.partition.index, self.row(endpoint, record, delivery.rules)),
                });
            } else if routed.undecided.iter().any(|undecided| undecided.target == target) {
                counts.undecided += 1;
            }
        }
        counts.wanted += counted(candidates.len());
        candidates
    }

    async fn add(
        &self,
        endpoint: &Endpoint,
        piece: &Piece,
        mut candidates: Vec<Candidate>,
        (waiting, dry_run): (&HashSet<RowPlace>, bool),
        counts: &mut Counts,
    ) -> anyhow::Result<()> {
        let before = candidates.len();
        candidates.retain(|candidate| !waiting.contains(&place(piece, candidate)));
        counts.waiting += counted(before - candidates.len());
        if !dry_run {
            let newest = candidates.iter().map(|candidate| candidate.received).max();
            settled(newest).await;
        }
        let ids: Vec<EventId> = candidates.iter().map(|candidate| candidate.event).collect();
        let target = endpoint.id.as_str();
        let delivered = self.kept.attempts.delivered(&self.sink, target, &ids).await?;
        candidates.retain(|candidate| !delivered.contains(&candidate.event));
        counts.delivered += counted(ids.len() - candidates.len());
        let missing = counted(candidates.len());
        if dry_run || missing == 0 {
            counts.added += missing;
            return Ok(());
        }
        let rows = candidates.into_iter().map(|candidate| candidate.row).collect();
        let (topic, topic_id) = (&piece.partition.topic, piece.topic_id.as_ref());
        let added = self.kept.backlog.add(&self.sink, topic, topic_id, rows, Again::AsItIs);
        let added = added.await.context("store")?;
        counts.added += added;
        counts.waiting += missing.saturating_sub(added);
        Ok(())
    }
}

fn place(piece: &Piece, candidate: &Candidate) -> RowPlace {
    RowPlace {
        topic: piece.partition.topic.to_string(),
        topic_id: piece.topic_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        partition: piece.partition.index,
        offset: candidate.row.1.record.offset.0,
    }
}

/// Waits until what was received at `newest` has been delivered and noted, if that works at all.
async fn settled(newest: Option<Timestamp>) {
    let Some(newest) = newest else { return };
    let age = Timestamp::now().millis().saturating_sub(newest.millis());
    let age = Duration::from_millis(u64::try_from(age).unwrap_or_default());
    sleep(SETTLED_WITHIN.saturating_sub(age)).await;
}

fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
