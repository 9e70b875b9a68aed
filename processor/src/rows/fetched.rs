//! What becomes of rows that were fetched: those that may go out are put into memory.

use std::collections::HashMap;

use schemas::backlog::{Waiting, Wanted, Which};
use schemas::record::Offset;
use schemas::sink::Target;
use tokio::time::Instant;

use super::{Held, Place, Rows};
use crate::flight::WorkId;

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
            let (mut last, mut last_left) = (None, None);
            for row in of_want {
                last = Some(row.record.offset);
                if !self.is_leaving(&target, row.record.offset) {
                    last_left = last;
                }
                let key = row.record.record.key.clone();
                let place = Place {
                    target: &target,
                    key: &key,
                    offset: row.record.offset,
                    ordered,
                };
                if self.takes(&place, &want.which, moment(&row)) {
                    let id = id(place.offset);
                    if let Some(lane) = self.lanes.get_mut(&target) {
                        lane.hold(place.offset, Held::Here(id));
                    }
                    here.push((id, row));
                }
            }
            let Some(lane) = self.lanes.get_mut(&target) else {
                continue;
            };
            match &want.which {
                Which::InLine { .. } => last.into_iter().for_each(|last| lane.fetched_to(last)),
                Which::OfKey { key, after, .. } => lane.key_fetched(key, after.unwrap_or(Offset(-1)), last_left),
                Which::At(_) => {}
            }
        }
        here
    }

    fn is_leaving(&self, target: &Target, offset: Offset) -> bool {
        let lane = self.lanes.get(target);
        lane.is_some_and(|lane| lane.held.get(&offset) == Some(&Held::Leaving))
    }

    /// Whether a row that was fetched may be in memory now.
    fn takes(&mut self, place: &Place<'_>, which: &Which, due: Option<Instant>) -> bool {
        let Some(lane) = self.lanes.get_mut(place.target) else {
            return false;
        };
        let held = lane.held.get(&place.offset);
        match which {
            // Only what still waits for its time; it may have been settled since it was wanted.
            Which::At(_) => matches!(held, Some(Held::Timed(_))),
            Which::InLine { .. } => held.is_none() && !(place.ordered && lane.set_behind(place.key)),
            Which::OfKey { .. } if held.is_some() => false,
            Which::OfKey { .. } => match due {
                None => true,
                Some(due) => {
                    lane.time(place);
                    self.timers.insert((due, place.offset, place.target.to_string()));
                    false
                }
            },
        }
    }

    fn nothing_fetched(&mut self, target: &Target, which: &Which) {
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
            Which::OfKey { key, after, .. } => lane.key_fetched(key, after.unwrap_or(Offset(-1)), None),
            Which::At(offset) => {
                // Someone else has removed it.
                if let Some(Held::Timed(key)) = lane.held.get(offset).cloned() {
                    lane.release(*offset);
                    if lane.settle(&key, *offset) {
                        self.keys.push_back((target.clone(), key, *offset));
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
