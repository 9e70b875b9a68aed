//! What becomes of rows that were fetched: those that may go out are put into memory.

use std::collections::HashMap;

use schemas::backlog::{Waiting, Wanted, Which};
use schemas::record::Offset;
use schemas::sink::Target;
use tokio::time::Instant;

use super::lane::Again;
use super::{Held, Place, Rows};
use crate::flight::WorkId;

/// Before all rows: those of an earlier topic of the same name have negative offsets.
const START: Offset = Offset(i64::MIN);

/// An answer of so many bytes may have been cut short.
const CUT_BYTES: usize = 8 << 20;

impl Rows {
    /// Takes the answer to `wanted`. Each want that has rows has at least one of them, unless the answer became too large. Returns
    /// the rows that are in memory from now on, each with its id from `id`. `moment` says when a row is due that has a time of its own.
    pub(crate) fn fetched(
        &mut self,
        wanted: &[Wanted],
        rows: Vec<Waiting>,
        ordered: impl Fn(&Target) -> bool,
        mut id: impl FnMut(Offset) -> WorkId,
        moment: impl Fn(&Waiting) -> Option<Instant>,
    ) -> Vec<(WorkId, Waiting)> {
        let bytes: usize = rows.iter().map(|row| row.record.record.size_bytes()).sum();
        let is_cut = bytes >= CUT_BYTES;
        let mut by_target: HashMap<String, Vec<Waiting>> = HashMap::new();
        for row in rows {
            by_target.entry(row.target.clone()).or_default().push(row);
        }
        let mut here = Vec::new();
        for want in wanted {
            let target = Target::Named(want.target.clone());
            let ordered = ordered(&target);
            let rows = by_target.get_mut(&want.target);
            let of_want: Vec<Waiting> = rows
                .map(|rows| rows.extract_if(.., |row| is_of(&want.which, row)).collect())
                .unwrap_or_default();
            if of_want.is_empty() {
                if is_cut {
                    self.not_fetched(vec![want.clone()]);
                } else {
                    self.nothing_fetched(&target, &want.which);
                }
                continue;
            }
            if self.is_outdated(&target, &want.which) {
                continue;
            }
            let (mut last, mut last_held, mut left) = (None, None, None);
            for row in of_want {
                let offset = row.record.offset;
                last = Some(offset);
                let key = row.record.record.key.clone();
                let place = Place {
                    target: &target,
                    key: &key,
                    offset,
                    ordered,
                };
                if self.takes(&place, &want.which, moment(&row)) {
                    let id = id(offset);
                    if let Some(lane) = self.lanes.get_mut(&target) {
                        lane.hold(offset, Held::Here(id));
                    }
                    here.push((id, row));
                }
                match self.lanes.get(&target).and_then(|lane| lane.held.get(&offset)) {
                    Some(Held::Here(_) | Held::Timed(..)) => last_held = Some(offset),
                    Some(Held::Leaving) => {}
                    None => left = left.or(Some(offset)),
                }
            }
            let (Some(lane), Some(last)) = (self.lanes.get_mut(&target), last) else {
                continue;
            };
            match &want.which {
                Which::InLine { .. } => lane.fetched_to(last),
                // All of them are being removed.
                Which::OfKey { key, .. } if last_held.is_none() && left.is_none() => {
                    self.fetch_key(&target, key, last);
                }
                Which::OfKey { key, after, .. } => lane.key_fetched(key, after.unwrap_or(START), last_held, left),
                Which::At(_) => {}
            }
        }
        here
    }

    /// Whether rows of a key were fetched of which others have come back or come into line meanwhile, so that they may not be all
    /// that there is. Then they are fetched again.
    fn is_outdated(&mut self, target: &Target, which: &Which) -> bool {
        let Which::OfKey { key, after, .. } = which else {
            return false;
        };
        let after = after.unwrap_or(START);
        let lane = self.lanes.get_mut(target);
        match lane.and_then(|lane| lane.key_changed(key, after)) {
            None => false,
            Some(Again::Later) => true,
            Some(Again::Now(after)) => {
                self.fetch_key(target, key, after);
                true
            }
        }
    }

    /// Whether a row that was fetched may be in memory now.
    fn takes(&mut self, place: &Place<'_>, which: &Which, due: Option<Instant>) -> bool {
        let Some(lane) = self.lanes.get_mut(place.target) else {
            return false;
        };
        let held = lane.held.get(&place.offset);
        match which {
            // Only what still waits for its time; it may have been settled since it was wanted.
            Which::At(_) => matches!(held, Some(Held::Timed(..))),
            Which::InLine { .. } | Which::OfKey { .. } if held.is_some() => false,
            // One before it has come into line, or is about to, since these were wanted. It may be of the same key.
            Which::InLine { .. } if place.ordered && lane.came.is_some_and(|came| came < place.offset) => false,
            Which::InLine { .. } => !(place.ordered && lane.set_behind(place.key, place.offset)),
            Which::OfKey { .. } if lane.waits_for_another(place.key, place.offset) => false,
            Which::OfKey { .. } => match due {
                None => true,
                Some(due) => {
                    lane.time(place, due);
                    self.timers.insert((due, place.offset, place.target.to_string()));
                    false
                }
            },
        }
    }

    fn nothing_fetched(&mut self, target: &Target, which: &Which) {
        if self.is_outdated(target, which) {
            return;
        }
        let Some(lane) = self.lanes.get_mut(target) else {
            return;
        };
        match which {
            Which::InLine { after, .. } => {
                // What has come into line meanwhile was not looked for.
                if lane.came.is_none() {
                    lane.more = false;
                    if after.is_some() && lane.is_empty() {
                        // Before it counts as empty, one look from the start.
                        (lane.more, lane.cursor) = (true, None);
                    }
                }
            }
            Which::OfKey { key, after, .. } => lane.key_fetched(key, after.unwrap_or(START), None, None),
            Which::At(offset) => {
                // Someone else has removed it.
                if let Some(Held::Timed(key, _)) = lane.held.get(offset).cloned() {
                    lane.release(*offset);
                    if let Some(after) = lane.settle(&key, *offset) {
                        self.fetch_key(target, &key, after);
                    }
                }
            }
        }
        self.drop_if_empty(target);
    }
}

fn is_of(which: &Which, row: &Waiting) -> bool {
    match which {
        Which::At(offset) => row.record.offset == *offset,
        Which::OfKey { key, .. } => row.record.record.key == *key,
        Which::InLine { .. } => true,
    }
}
