//! How full a log's queue is: the records that were handed over and are not settled yet.

use prometheus_client::metrics::gauge::Gauge;

/// The gauges of one queue. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    pub(crate) records: Gauge,
    pub(crate) bytes: Gauge,
}

impl Queue {
    /// Counts a record of this size, for as long as the returned value lives.
    pub(crate) fn enter(&self, size_bytes: usize) -> Queued {
        let bytes = i64::try_from(size_bytes).unwrap_or(i64::MAX);
        self.records.inc();
        self.bytes.inc_by(bytes);
        Queued {
            queue: self.clone(),
            bytes,
        }
    }
}

/// One record that is counted.
#[derive(Debug)]
pub(crate) struct Queued {
    queue: Queue,
    bytes: i64,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.queue.records.dec();
        self.queue.bytes.dec_by(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_counted_until_it_is_settled() {
        let queue = Queue::default();
        let (first, second) = (queue.enter(10), queue.enter(5));
        assert_eq!((queue.records.get(), queue.bytes.get()), (2, 15));
        drop(first);
        assert_eq!((queue.records.get(), queue.bytes.get()), (1, 5));
        drop(second);
        assert_eq!((queue.records.get(), queue.bytes.get()), (0, 0));
    }
}
