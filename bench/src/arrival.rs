//! Which event a delivery is of, and when it came.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the number of the message in the body of a delivery.
pub(crate) fn number(body: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Event {
        data: Data,
    }
    #[derive(serde::Deserialize)]
    struct Data {
        message: Message,
    }
    #[derive(serde::Deserialize)]
    struct Message {
        id: String,
    }
    serde_json::from_slice::<Event>(body).ok()?.data.message.id.parse().ok()
}

/// Returns the microseconds of the wall clock, which all processes of this machine share.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
