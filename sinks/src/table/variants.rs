//! Repeats whose body differs from the stored one: which bodies are kept, and how they are counted.
//!
//! A repeat is an event whose id is in the table already, or whose receipt counts as that of a stored one. A repeat that says
//! what the stored event says ([`schemas::content`]) is that event, and nothing is kept. One that says something else is a
//! variant: either the platform reports one event in several ways, or two events share an id. Each body is kept once; of one
//! event [`MAX_VARIANTS`] are, and further ones are only counted, all in one row.
//!
//! The whole request body (`rawsha256`) is not compared: in a batch an event's part of it may be sent again in another batch.
//!
//! **A record counts once**, however often it is read: one that is not newer than the last that was counted has been counted.
//! Equal ids share a partition key, so their repeats come in the order of one partition. Two writers of one partition (one of
//! them has lost it and does not know yet) come to the same numbers.

use std::collections::{BTreeMap, HashSet};

use schemas::content::Content;
use schemas::id::EventId;
use schemas::time::Timestamp;

use super::row::Row;

/// How many differing bodies of one event are kept. Two writers of one event at the same time may each keep so many.
const MAX_VARIANTS: usize = 8;

/// The digest of the row that counts those beyond.
const BEYOND: &[u8] = &[];

/// A row of a batch whose event is stored already, or was just stored by an earlier row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeat<'p> {
    /// Under which id.
    pub(crate) of: EventId,
    pub(crate) row: &'p Row<'p>,
}

/// What is stored of the event that is repeated.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) raw: Vec<u8>,
    pub(crate) data: String,
}

/// The deliveries of a batch that repeat a stored event and say something else.
#[derive(Debug, Default)]
pub(crate) struct Differing {
    /// All of them. They say nothing of current state: that is of the events that are stored, and two things said under one id have
    /// no order.
    pub(crate) all: HashSet<usize>,
    /// Those that were counted now.
    pub(crate) counted: Vec<usize>,
}

impl Repeat<'_> {
    /// Whether it says something else. Where one of the two has no body, the normalized events are compared.
    pub(crate) fn differs_from(&self, stored: &Stored) -> bool {
        let (ours, theirs) = if self.row.raw.is_empty() || stored.raw.is_empty() {
            (self.row.data.as_bytes(), stored.data.as_bytes())
        } else {
            (self.row.raw, &*stored.raw)
        };
        ours != theirs && Content::of(ours) != Content::of(theirs)
    }

    fn digest(&self) -> Vec<u8> {
        let body = if self.row.raw.is_empty() {
            self.row.data.as_bytes()
        } else {
            self.row.raw
        };
        Content::of(body).sha256().to_vec()
    }
}

/// The last record that was counted.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    pub(crate) received: Timestamp,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A row of the table of variants, stored or to be written.
#[derive(Debug)]
pub(crate) struct Variant<'p> {
    pub(crate) times: i64,
    pub(crate) last: Last,
    /// The first row of this batch that was counted here.
    pub(crate) row: Option<&'p Row<'p>>,
    /// All of them, by their delivery.
    pub(crate) deliveries: Vec<usize>,
}

/// The row of the table as it is to be written.
#[derive(Debug)]
pub(crate) struct Writing<'v> {
    pub(crate) id: EventId,
    pub(crate) digest: &'v [u8],
    pub(crate) variant: &'v Variant<'v>,
    pub(crate) row: &'v Row<'v>,
    /// Whether the body is kept with it.
    pub(crate) with_body: bool,
}

impl Writing<'_> {
    pub(crate) fn data(&self) -> Option<&str> {
        self.with_body.then_some(&*self.row.data)
    }

    pub(crate) fn raw(&self) -> Option<&[u8]> {
        self.with_body.then_some(self.row.raw)
    }

    /// What wide columns it has.
    pub(crate) fn size(&self) -> usize {
        self.data().map_or(0, str::len) + self.raw().map_or(0, <[u8]>::len)
    }
}

/// The variants of the events that a batch repeats.
#[derive(Debug, Default)]
pub(crate) struct Variants<'p> {
    /// Sorted, so that two writers take their locks in one order.
    by_key: BTreeMap<(EventId, Vec<u8>), Variant<'p>>,
}

impl<'p> Variants<'p> {
    /// One that is in the table.
    pub(crate) fn known(&mut self, id: EventId, digest: Vec<u8>, times: i64, last: Last) {
        let variant = Variant {
            times,
            last,
            row: None,
            deliveries: Vec::new(),
        };
        self.by_key.insert((id, digest), variant);
    }

    /// Counts a repeat that differs. To be called in the order of the log.
    pub(crate) fn count(&mut self, repeat: Repeat<'p>) {
        let row = repeat.row;
        let mut key = (repeat.of, repeat.digest());
        if !self.by_key.contains_key(&key) && self.kept(repeat.of) >= MAX_VARIANTS {
            key.1 = BEYOND.to_vec();
        }
        let last = Last {
            received: row.received,
            topic: row.partition.topic.to_string(),
            partition: row.partition.index,
            offset: row.log_offset,
        };
        let variant = self.by_key.entry(key).or_insert_with(|| Variant {
            times: 0,
            last: last.clone(),
            row: None,
            deliveries: Vec::new(),
        });
        if variant.times == 0 || variant.is_after(&last) {
            variant.times += 1;
            let received = variant.last.received.max(last.received);
            variant.last = Last { received, ..last };
            variant.row.get_or_insert(row);
            variant.deliveries.push(row.delivery);
        }
    }

    /// How many bodies of the event are kept.
    fn kept(&self, id: EventId) -> usize {
        let of_event = self
            .by_key
            .range((id, Vec::new())..)
            .take_while(|((of, _), _)| *of == id);
        of_event.filter(|((_, digest), _)| digest != BEYOND).count()
    }

    /// What is to be written, in the order of its keys.
    pub(crate) fn to_write(&self) -> Vec<Writing<'_>> {
        let counted = self.by_key.iter().filter_map(|((id, digest), variant)| {
            Some(Writing {
                id: *id,
                digest,
                variant,
                row: variant.row?,
                with_body: digest != BEYOND,
            })
        });
        counted.collect()
    }
}

impl Variant<'_> {
    /// Whether a record is newer than the last that was counted: after it in its partition, or received later, where it
    /// comes from another partition or the topic was made anew.
    fn is_after(&self, record: &Last) -> bool {
        let in_order = record.partition == self.last.partition
            && record.topic == self.last.topic
            && record.offset > self.last.offset;
        in_order || record.received > self.last.received
    }
}
