//! The id of an event: the same for every redelivery, ordered by time, unique without a coordinator.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::name::{SourceId, Tenant};
use crate::time::Timestamp;

/// A UUID version 8 (RFC 9562 §5.8): 48 bits of milliseconds, then 74 bits of SHA-256 over the source and the platform's
/// own identity of the event. A redelivery gets the same id; ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

/// The 74 bits of an [`EventId`] that do not depend on time, right-aligned in ten bytes.
///
/// Two receipts of one event whose payload has no time of its own share it; see [`IdTime::Received`].
pub type HashHalf = [u8; 10];

/// Which clock the time half of an id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdTime {
    /// The event's own time, which every redelivery repeats: equal events have equal ids.
    Event,
    /// The moment of first receipt, because the payload has no time: equal events have equal [`HashHalf`]s only, and a
    /// sink that promises exactly once remembers them for a while.
    Received,
}

impl EventId {
    /// Derives the id. `identity` is what the platform itself distinguishes events by, in parts; the parts are hashed with
    /// their lengths, so that `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn derive(time: Timestamp, tenant: &Tenant, source: &SourceId, identity: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), source.as_str()].iter().chain(identity) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&time.millis().to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&digest[..10]);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(Uuid::from_bytes(bytes))
    }

    /// Returns the time in the id, milliseconds in its first 48 bits.
    pub fn time(self) -> Timestamp {
        let b = self.0.as_bytes();
        let ms = i64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]]);
        Timestamp::from_millis(ms).unwrap_or(Timestamp::MAX)
    }

    /// The same event at another time: the id that its receipt at `time` would have had.
    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        let mut bytes = *self.0.as_bytes();
        bytes[..6].copy_from_slice(&time.millis().to_be_bytes()[2..]);
        Self(Uuid::from_bytes(bytes))
    }

    /// The half that does not depend on time.
    pub fn hash_half(self) -> HashHalf {
        let mut half = [0_u8; 10];
        half.copy_from_slice(&self.0.as_bytes()[6..]);
        half[0] &= 0x0f;
        half[2] &= 0x3f;
        half
    }

    /// As a UUID, for databases.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for EventId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for EventId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> (Tenant, SourceId) {
        (
            Tenant::new("acme").expect("valid"),
            SourceId::new("chatwoot-1").expect("valid"),
        )
    }

    #[test]
    fn the_layout_is_fixed_for_ever() {
        let (tenant, source) = names();
        let time = Timestamp::parse("2026-03-10T13:36:50.912Z").expect("valid");
        let id = EventId::derive(time, &tenant, &source, &["message_created", "3", "9001"]);
        // Written down once: a change of this text would make every redelivery across an upgrade a new event.
        assert_eq!(id.to_string(), "019cd7f6-f0e0-82b2-9fbf-41c27b0c7973");
    }

    #[test]
    fn parts_do_not_run_together() {
        let (tenant, source) = names();
        let id = |parts: &[&str]| EventId::derive(Timestamp::MIN, &tenant, &source, parts);
        assert_ne!(id(&["ab", "c"]), id(&["a", "bc"]));
        assert_ne!(id(&["a"]), id(&["a", ""]));
    }

    proptest! {
        #[test]
        fn ids_sort_by_time_and_keep_their_hash(a in 0_i64..253_402_300_799_999, b in 0_i64..253_402_300_799_999, key in ".{0,20}") {
            let (tenant, source) = names();
            let (ta, tb) = (Timestamp::from_millis(a).expect("in range"), Timestamp::from_millis(b).expect("in range"));
            let (ia, ib) = (EventId::derive(ta, &tenant, &source, &[&key]), EventId::derive(tb, &tenant, &source, &[&key]));
            prop_assert_eq!(ia.time(), ta);
            prop_assert_eq!(ia.hash_half(), ib.hash_half());
            prop_assert_eq!(ia.at(tb), ib);
            prop_assert_eq!(ia.cmp(&ib), ta.cmp(&tb));
            prop_assert_eq!(ia.uuid().get_version_num(), 8);
        }
    }
}
