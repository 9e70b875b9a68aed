//! Group commit: one transaction for everything that is queued, and the answers after it.

use std::collections::HashMap;
use std::sync::Arc;

use schemas::record::{Offset, Position, Record};
use tokio::time::Instant;

use super::{Append, Writer};
use crate::journal::append::Row;
use crate::journal::catalog::WatchedPartition;
use crate::journal::retention::now_ms;

/// Roughly what a row takes in the file besides its bytes.
const ROW_BYTES: u64 = 64;

impl Writer {
    /// Appends a group in one transaction, and answers each publisher.
    pub(super) async fn append(&mut self, group: Vec<Append>) {
        let now = Instant::now();
        let (group, late): (Vec<Append>, _) = group.into_iter().partition(|a| a.deadline > now);
        refuse(late, "it waited in the queue for longer than `publish_timeout_ms`");
        if group.is_empty() {
            return;
        }
        let (group, too_much) = self.admit(group).await;
        let whole = too_much.is_empty();
        if !whole {
            let why = format!(
                "journal full: {} of {} bytes are records younger than their retention that not every group of their \
                 topic has read: start the sink that has not read, or make room by raising \
                 `event_log.journal.max_bytes`",
                self.used_bytes, self.max_bytes
            );
            self.shared.set_problem(&why);
            refuse(too_much, &why);
        }
        if group.is_empty() {
            return;
        }
        // After an error this reads the ends of the partitions again, before offsets are assigned.
        match self.take_connection().await {
            Ok(connection) => self.connection = Some(connection),
            Err(why) => return refuse(group, &why),
        }
        self.newest_ms = self.newest_ms.max(now_ms());
        let mut ends: HashMap<i64, (Arc<WatchedPartition>, Offset)> = HashMap::new();
        let mut rows = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        let mut bytes = 0;
        for append in group {
            let (_, end) = ends
                .entry(append.partition.id.0)
                .or_insert_with(|| (Arc::clone(&append.partition), append.partition.extent().end));
            let offset = *end;
            *end = offset.next();
            bytes += taken_bytes(&append.record);
            rows.push(Row::new(append.partition.id, offset, self.newest_ms, append.record));
            answers.push((append.partition, offset, append.reply, append.room));
        }
        let records = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        match self.commit(rows).await {
            Ok(()) => {
                self.used_bytes += bytes;
                self.shared.metrics.records.inc_by(records);
                self.shared.metrics.commits.inc();
                if whole {
                    self.shared.set_healthy();
                }
                for (partition, end) in ends.into_values() {
                    partition.set_end(end);
                }
                for (partition, offset, reply, _room) in answers {
                    let partition = partition.partition.clone();
                    // A publisher may have stopped waiting; its record is kept.
                    reply.send(Ok(Position { partition, offset })).ok();
                }
            }
            Err(why) => {
                for (_, _, reply, _room) in answers {
                    reply.send(Err(why.clone())).ok();
                }
            }
        }
    }

    /// Splits a group into the records for which there is room and the rest.
    async fn admit(&mut self, group: Vec<Append>) -> (Vec<Append>, Vec<Append>) {
        let wanted: u64 = group.iter().map(|a| taken_bytes(&a.record)).sum();
        // The figure is an estimate, and there may be something to delete: look before refusing.
        if self.used_bytes + wanted > self.max_bytes {
            for _ in 0..4 {
                let deleted = self.retain().await.unwrap_or(false);
                if !deleted || self.used_bytes + wanted <= self.max_bytes {
                    break;
                }
            }
        }
        let mut used = self.used_bytes;
        let mut group = group;
        let fitting = group.iter().take_while(|a| {
            used += taken_bytes(&a.record);
            used <= self.max_bytes
        });
        let too_much = group.split_off(fitting.count());
        (group, too_much)
    }

    /// Writes records and all pending progress; after an error nothing of it is kept.
    pub(super) async fn commit(&mut self, rows: Vec<Row>) -> Result<(), String> {
        self.progress_due = None;
        let progress = self.shared.progress.take();
        if rows.is_empty() && progress.is_empty() {
            // On a disk that cannot be trusted even an empty commit must fail.
            return self.shared.lasting_problem().map_or(Ok(()), Err);
        }
        let result = match self.take_connection().await {
            Ok(mut connection) => {
                let written = self.inserts.write(&mut connection, rows, &progress).await;
                self.give_back(connection, written).await
            }
            Err(why) => Err(why),
        };
        match result {
            Ok(()) => self.shared.progress.written(&progress),
            Err(_) => self.shared.progress.put_back(progress),
        }
        result
    }
}

fn refuse(group: Vec<Append>, why: &str) {
    for append in group {
        // A publisher that has stopped waiting does not get it.
        append.reply.send(Err(why.to_owned())).ok();
    }
}

fn taken_bytes(record: &Record) -> u64 {
    u64::try_from(record.size_bytes())
        .unwrap_or(u64::MAX)
        .saturating_add(ROW_BYTES)
}
