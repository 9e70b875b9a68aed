//! How far a partition is settled: a record is settled once all its deliveries are, and progress is the end of the
//! unbroken sequence of settled records. Pure; a property test compares it with a naive model.

use std::collections::BTreeMap;

use schemas::record::Offset;

/// The progress of one partition since it was assigned.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records that are not settled, with the number of their open deliveries.
    open: BTreeMap<Offset, usize>,
    /// One past the newest record seen.
    seen: Option<Offset>,
}

impl Progress {
    /// Adds a record that was read, with `deliveries` deliveries to settle. Records come in order of offset; offsets
    /// may have holes.
    pub fn seen(&mut self, offset: Offset, deliveries: usize) {
        self.seen = self.seen.max(Some(offset.next()));
        if deliveries > 0 {
            self.open.insert(offset, deliveries);
        }
    }

    /// Settles one delivery of the record at `offset`. Returns whether that settles the record.
    pub fn settled(&mut self, offset: Offset) -> bool {
        let Some(left) = self.open.get_mut(&offset) else {
            return false;
        };
        *left -= 1;
        if *left > 0 {
            return false;
        }
        self.open.remove(&offset);
        true
    }

    /// Returns the offset before which everything is settled: the next record to read after a restart. `None` until a
    /// record was added.
    pub fn next(&self) -> Option<Offset> {
        self.open.keys().next().copied().or(self.seen)
    }

    /// Returns what [`next`](Self::next) would be if these deliveries, given by the offsets of their records in
    /// ascending order, were settled too.
    pub fn next_after(&self, offsets: &[Offset]) -> Option<Offset> {
        let mut rest = offsets;
        for (offset, left) in &self.open {
            let count = rest
                .iter()
                .take_while(|o| *o <= offset)
                .filter(|o| *o == offset)
                .count();
            if count < *left {
                return Some(*offset);
            }
            rest = &rest[count..];
        }
        self.seen
    }

    /// Returns how many records are not settled.
    pub fn open_records(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every record and how many of its deliveries are open; progress is found by walking from the start.
    #[derive(Default)]
    struct Model(Vec<(Offset, usize)>);

    impl Model {
        fn next(&self) -> Option<Offset> {
            self.0
                .iter()
                .find(|(_, left)| *left > 0)
                .map(|(offset, _)| *offset)
                .or_else(|| self.0.last().map(|(offset, _)| offset.next()))
        }
    }

    #[test]
    fn progress_waits_for_the_slowest() {
        let mut progress = Progress::default();
        assert_eq!(progress.next(), None);
        progress.seen(Offset(10), 2);
        progress.seen(Offset(11), 0);
        progress.seen(Offset(15), 1);
        assert!(progress.settled(Offset(15)));
        assert_eq!(progress.next(), Some(Offset(10)));
        assert!(!progress.settled(Offset(10)), "one of its two deliveries is open");
        assert_eq!(progress.next(), Some(Offset(10)));
        assert!(progress.settled(Offset(10)));
        assert_eq!(
            progress.next(),
            Some(Offset(16)),
            "a hole in the offsets is nothing to wait for"
        );
    }

    proptest! {
        #[test]
        fn progress_equals_the_naive_model(
            steps in proptest::collection::vec((any::<bool>(), 0_usize..4, 1_i64..4, any::<prop::sample::Index>()), 1..200),
        ) {
            let (mut progress, mut model) = (Progress::default(), Model::default());
            let mut end = 0;
            for (read, deliveries, gap, which) in steps {
                let open: Vec<usize> = (0..model.0.len()).filter(|i| model.0[*i].1 > 0).collect();
                if read || open.is_empty() {
                    end += gap;
                    progress.seen(Offset(end), deliveries);
                    model.0.push((Offset(end), deliveries));
                } else {
                    let i = open[which.index(open.len())];
                    let would_be = progress.next_after(&[model.0[i].0]);
                    model.0[i].1 -= 1;
                    prop_assert_eq!(would_be, model.next());
                    prop_assert_eq!(progress.settled(model.0[i].0), model.0[i].1 == 0);
                }
                prop_assert_eq!(progress.next(), model.next());
                prop_assert_eq!(progress.open_records(), model.0.iter().filter(|r| r.1 > 0).count());
                // Everything open, settled at once.
                let all: Vec<Offset> = model.0.iter().flat_map(|(o, left)| std::iter::repeat_n(*o, *left)).collect();
                prop_assert_eq!(progress.next_after(&all), model.0.last().map(|(o, _)| o.next()));
            }
        }
    }
}
