//! Makes room in a window that is full of deliveries that wait for their next attempt.
//!
//! The waits of a schedule may reach hours, and what waits stays in the window, from which healthy targets get theirs, too.
//! So a full window shortens the schedule: what has waited for [`PATIENCE`] is given up, oldest first, a few at a time, and
//! reading goes on. While there is room, every delivery has its whole schedule.

use std::time::Duration;

use tokio::time::Instant;

use super::PartitionTask;
use crate::error::WorkerError;

/// How long a delivery may wait in a full window, from when its record was read. An outage of that length costs no dead
/// letter, however much is sent meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often it is looked for what has waited for too long: that goes over all that waits.
const STEP: Duration = Duration::from_millis(100);

/// How many parts of the window are given up at once.
const PARTS: usize = 8;

impl PartitionTask {
    /// Whether another record may be read.
    pub(super) fn room(&self) -> bool {
        self.flight.records() < self.shared.config.window_records
            && self.flight.bytes() < self.shared.config.window_bytes
    }

    /// Whether nothing makes room but giving something up: what was given up before does, once it is written.
    fn is_full(&self) -> bool {
        !self.room() && !self.flight.has_letters()
    }

    /// Gives up what has waited for long, if there is no room. Returns an error if the valve is tripped by that, which takes
    /// that nothing at all was delivered meanwhile.
    pub(super) fn make_room(&mut self, now: Instant) -> Result<(), WorkerError> {
        // One step at a time.
        let Some(read_by) = now.checked_sub(PATIENCE).filter(|_| self.is_full()) else {
            return Ok(());
        };
        let most = (self.shared.config.window_records / PARTS).max(1);
        let lacking = std::mem::take(&mut self.lacking);
        // What was not tried for lack of a resource is charged to no target.
        let waiting = self
            .flight
            .take_waiting(now, read_by, most, |id| !lacking.contains(&id));
        self.lacking = lacking;
        let records = self.flight.records();
        for (id, delivery, read) in waiting {
            let attempts = delivery.attempt.saturating_sub(1);
            let last = self.shared.troubles.reason(&delivery.target).unwrap_or_default();
            let reason = format!(
                "given up early, after {attempts} attempts, because {records} records of its partition wait and fill the \
                 window: {last}"
            );
            // Where others take theirs, the cause is this target and not the sink. The valve would see many of these in a
            // row, because nothing is read until there is room, and stop the deliveries to the others.
            if self.delivered_at.is_none_or(|at| at < read) {
                self.note_of(true, &delivery.target, &reason)?;
            }
            self.shared.metrics.exhausted.inc();
            self.give_up(id, delivery, reason, attempts, now);
        }
        Ok(())
    }

    /// The same, now and then, for a task that also has other things to do while the window is full. Returns when to come
    /// again; `None` while there is room, or will be.
    pub(super) fn make_room_sometimes(&mut self, now: Instant) -> Result<Option<Instant>, WorkerError> {
        if !self.is_full() {
            return Ok(None);
        }
        if now >= self.room_looked + STEP {
            self.room_looked = now;
            self.make_room(now)?;
            self.show_full();
        }
        Ok(self.is_full().then(|| self.room_looked + STEP))
    }

    /// Shows that nothing is read because deliveries that wait fill the window, if so.
    pub(super) fn show_full(&self) {
        if !self.is_full() {
            return;
        }
        if let Some(target) = self.flight.most_waiting(Instant::now()) {
            self.shared.status.full(&self.partition, target.clone());
        }
    }

    /// Returns when the next delivery will have waited for too long; `None` while there is room, or will be.
    pub(super) fn room_due(&self) -> Option<Instant> {
        if !self.is_full() {
            return None;
        }
        let read = self
            .flight
            .oldest_waiting(Instant::now(), |id| !self.lacking.contains(&id))?;
        Some(read + PATIENCE)
    }
}
