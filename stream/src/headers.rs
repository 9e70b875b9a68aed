//! Names of headers that need no memory of their own: both logs read the same ones back with every record.

use std::borrow::Cow;

use schemas::dead_letter::header as dead_letter;
use schemas::record::header;

/// All names that Forebay writes.
const KNOWN: [&str; 13] = [
    header::CONTENT_TYPE,
    header::CE_ID,
    header::CE_TYPE,
    header::CE_SOURCE,
    header::CE_TIME,
    header::CE_TENANT,
    dead_letter::SINK,
    dead_letter::TARGET,
    dead_letter::REASON,
    dead_letter::ATTEMPTS,
    dead_letter::POSITION,
    dead_letter::TIME,
    dead_letter::RULES_VERSION,
];

/// The name as a record holds it; only one that Forebay does not write costs an allocation.
pub(crate) fn name(text: &str) -> Cow<'static, str> {
    match KNOWN.iter().find(|known| **known == text) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_forebay_writes_are_not_copied_and_others_are_kept_as_they_are() {
        for known in ["content-type", "ce_id", "ce_tenant", "fb_sink", "fb_rules_version"] {
            let name = name(known);
            assert!(matches!(name, Cow::Borrowed(same) if same == known), "{name}");
        }
        assert!(matches!(name("traceparent"), Cow::Owned(same) if same == "traceparent"));
    }
}
