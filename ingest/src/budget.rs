//! How much memory requests may have, all together, and which part each of them has.
//!
//! Memory for a request is charged first and allocated then: by the capacity that is allocated, not by
//! the bytes that are filled, and never by what the client announces. A share is held for as long as the memory is: the
//! head, the body and the place for a copy of it (`body/pieces.rs`) until the records are made, then the records and the
//! event log's copies of them until they are durable. What a thread takes between two steps of one request, and gives back
//! before it does anything else, is not charged.
//!
//! What a connection costs without a request is not in here. That is bounded for each connection (`server/bounds.rs`), and
//! so is their number.

use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderValue;
use http::header::HeaderName;
use http::request::Parts;
use prometheus_client::metrics::gauge::Gauge;
use schemas::record::Record;

/// Bytes of requests in memory, all requests together.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The metric is the count itself: one atomic number, not two that could differ.
    used: Gauge,
    limit: i64,
}

/// The budget has no room now for what was asked; a later try may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Budget {
    pub(crate) fn new(limit: usize, used: Gauge) -> Arc<Self> {
        let limit = signed(limit);
        Arc::new(Self { used, limit })
    }

    /// A share of so many bytes.
    pub(crate) fn share(self: &Arc<Self>, bytes: usize) -> Result<Share, NoRoom> {
        let mut share = Share {
            budget: Arc::clone(self),
            bytes: 0,
        };
        share.grow(bytes)?;
        Ok(share)
    }

    fn take(&self, bytes: i64) -> Result<(), NoRoom> {
        let within = |used: i64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used
            .inner()
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .map(drop)
            .map_err(|_| NoRoom)
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A part of the [`Budget`], given back on drop.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: i64,
}

impl Share {
    /// Takes so many more bytes, or none of them.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let bytes = signed(bytes);
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives so many bytes back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = signed(bytes).min(self.bytes);
        self.budget.used.dec_by(bytes);
        self.bytes -= bytes;
    }

    /// Sets the share to what is really held. If that is more than there is room for, it stays as it is, and what it
    /// was asked for must be dropped.
    pub(crate) fn settle(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let bytes = signed(bytes);
        if bytes < self.bytes {
            self.budget.used.dec_by(self.bytes - bytes);
        } else {
            self.budget.take(bytes - self.bytes)?;
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.dec_by(self.bytes);
    }
}

/// The read buffer that a head came in: the head is a part of it, and so it stays as long as the head does.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// What one header costs beside its text: its place in the map, of which a half may be free, and the handle of its text.
const HEADER_BYTES: usize = 3 * (size_of::<HeaderName>() + size_of::<HeaderValue>() + 32);

/// What the head of a request takes for as long as the request is worked on.
pub(crate) fn head_bytes(parts: &Parts) -> usize {
    let target = parts.uri.path().len()
        + parts.uri.query().map_or(0, str::len)
        + parts.uri.authority().map_or(0, |authority| authority.as_str().len());
    let texts = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    READ_BUFFER_BYTES + target + texts.map(|text| text + HEADER_BYTES).sum::<usize>()
}

/// What records take until they are durable: themselves, by their capacity, and the copies that the event log queues.
pub(crate) fn records_bytes(records: &mut [Record]) -> usize {
    let both = |record: &mut Record| {
        let length = record.size_bytes();
        let mut slack = 0;
        // The one way to learn it.
        record.value = match std::mem::take(&mut record.value).try_into_mut() {
            Ok(value) => {
                slack = value.capacity() - value.len();
                value.freeze()
            }
            Err(shared) => shared,
        };
        size_of::<Record>() + length + slack + length
    };
    records.iter_mut().map(both).sum()
}

/// What a record has around a body.
const ENVELOPE_BYTES: usize = 2 * 1024;

/// The smallest budget in which the largest webhook has room: its head, its body and what is made of it.
pub(crate) fn least_bytes(max_header_bytes: usize, max_body_bytes: usize) -> usize {
    let head = READ_BUFFER_BYTES + max_header_bytes.saturating_mul(8);
    let body = max_body_bytes.saturating_mul(4).saturating_add(4 * ENVELOPE_BYTES);
    head.saturating_add(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_kept_and_given_back() {
        let used = Gauge::default();
        let budget = Budget::new(10, used.clone());
        let mut one = budget.share(6).expect("6 of 10");
        assert_eq!(budget.share(5).err(), Some(NoRoom), "11 of 10");
        assert_eq!(one.grow(5), Err(NoRoom), "11 of 10");
        assert_eq!(used.get(), 6, "what was refused is not counted");
        one.grow(4).expect("10 of 10");
        one.settle(3).expect("less than before");
        let other = budget.share(7).expect("10 of 10");
        assert_eq!(one.settle(4), Err(NoRoom));
        drop(other);
        one.settle(10).expect("all of it");
        assert_eq!(used.get(), 10);
        drop(one);
        assert_eq!(used.get(), 0);
        assert_eq!(budget.share(usize::MAX).err(), Some(NoRoom));
        assert_eq!(used.get(), 0);
    }

    #[test]
    fn a_head_is_charged_with_its_text_and_its_map() {
        let request = |headers: usize| {
            let mut request = http::Request::post("http://h/in/s?a=b");
            for n in 0..headers {
                request = request.header(format!("x-{n:04}"), "value");
            }
            request.body(()).expect("a request").into_parts().0
        };
        let (none, many) = (head_bytes(&request(0)), head_bytes(&request(100)));
        let mut kept = None;
        let held = allocation_counter::measure(|| kept = Some(request(100))).bytes_current;
        assert!(none >= READ_BUFFER_BYTES);
        let charged = signed(many - none);
        assert!(
            kept.is_some() && charged >= held,
            "{charged} bytes are charged for a head of {held}"
        );
    }
}
