//! A body as it comes: in pieces, each of them charged to the budget before it is allocated.
//!
//! A buffer that grew by moving would exist twice during each move, and leave holes of all sizes, which the allocator
//! cannot give to others. Pieces stay where they are, nearly all of them have the same size, and a body is put together
//! once, when it is complete. One that fits into its first piece, as most do, is never moved.
//!
//! All of it is charged twice from the beginning: what came, and what it will be copied into, which is first the whole body
//! and then the record. So the place that a body needs at its end is not taken by the beginnings of others, and the pages
//! that the allocator cannot give back yet are charged, too.

use crate::budget::{NoRoom, Share};

/// The first piece, if as much is announced.
const FIRST_BYTES: usize = 4 * 1024;

/// How large a piece becomes; a body that is larger has several.
const PIECE_BYTES: usize = 64 * 1024;

/// What has come of a body.
#[derive(Debug)]
pub(super) struct Pieces {
    taken: Vec<Vec<u8>>,
    /// How many bytes have come.
    length: usize,
    /// The bytes that all pieces have allocated, which is what the budget counts.
    capacity: usize,
    share: Share,
}

impl Pieces {
    /// Nothing yet. The share may hold something already, which stays in it.
    pub(super) fn new(share: Share) -> Self {
        Self {
            taken: Vec::new(),
            length: 0,
            capacity: 0,
            share,
        }
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Adds what has come. `most` is the length that the body can reach.
    pub(super) fn push(&mut self, mut data: &[u8], most: usize) -> Result<(), NoRoom> {
        while !data.is_empty() {
            if self.length == self.capacity {
                // As much as has come, so that never more than twice of it is held.
                let came = self.length + data.len();
                let can_come = most.saturating_sub(self.length).max(data.len());
                let bytes = came.clamp(FIRST_BYTES, PIECE_BYTES).min(can_come);
                self.share.grow(2 * bytes)?;
                self.taken.push(Vec::with_capacity(bytes));
                self.capacity += bytes;
            }
            let (now, later) = data.split_at(data.len().min(self.capacity - self.length));
            if let Some(last) = self.taken.last_mut() {
                last.extend_from_slice(now);
                self.length += now.len();
            }
            data = later;
        }
        Ok(())
    }

    /// The whole body, and a share of twice its size.
    pub(super) fn whole(mut self) -> (Vec<u8>, Share) {
        if self.taken.len() <= 1 {
            return (self.taken.pop().unwrap_or_default(), self.share);
        }
        let mut whole = Vec::with_capacity(self.length);
        for piece in self.taken {
            whole.extend_from_slice(&piece);
        }
        self.share.shrink(2 * (self.capacity - self.length));
        (whole, self.share)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;
    use crate::budget::Budget;

    #[test]
    fn never_more_is_held_than_is_charged_nor_more_than_twice_what_came() {
        for (most, parts) in [
            (3, vec![3]),
            (2_300, vec![1_460, 840]),
            (1_000_000, vec![1; 200]),
            (1_000_000, vec![1, 4_095, 1, 16_000, 300_000]),
            (1_000_000, vec![1_000; 1_000]),
            (200_000, vec![200_000]),
            (5_000, vec![4_096, 904]),
        ] {
            let used = Gauge::default();
            let budget = Budget::new(10_000_000, used.clone());
            let mut pieces = Pieces::new(budget.share(0).expect("room"));
            let held = allocation_counter::measure(|| {
                for part in &parts {
                    pieces.push(&vec![b'x'; *part], most).expect("room");
                    let came = pieces.length();
                    let bound = (2 * came).max(FIRST_BYTES).min(came + PIECE_BYTES).min(most.max(came));
                    assert!(pieces.capacity <= bound, "{} for {came} of {most}", pieces.capacity);
                }
            });
            let list = i64::try_from(64 * pieces.taken.capacity()).expect("few");
            assert!(
                held.bytes_current <= used.get() + list,
                "{held:?}, {} charged",
                used.get()
            );
            let sum = parts.iter().sum::<usize>();
            let (whole, share) = pieces.whole();
            assert_eq!(whole, vec![b'x'; sum]);
            assert_eq!(used.get(), i64::try_from(2 * whole.capacity()).expect("few"), "{most}");
            drop(share);
            assert_eq!(used.get(), 0);
        }
    }

    #[test]
    fn a_webhook_of_usual_size_is_never_moved() {
        let budget = Budget::new(10_000_000, Gauge::default());
        let mut pieces = Pieces::new(budget.share(0).expect("room"));
        for part in [1_460, 840] {
            pieces.push(&vec![b'x'; part], 2_300).expect("room");
        }
        assert_eq!((pieces.taken.len(), pieces.capacity), (1, 2_300));
    }
}
