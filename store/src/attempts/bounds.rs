//! How large an attempt may be in the log, and what its texts may hold.

use schemas::attempt::Attempt;

/// Reasons are sentences of ours, in which a text of others may be quoted.
const REASON_MAX_BYTES: usize = 1_024;
/// Longer ones are left out whole: a part of a JSON object is none.
const HEADERS_MAX_BYTES: usize = 8_192;
/// What PostgreSQL cannot store in a text stands as this in the log.
const REPLACEMENT: &str = "\u{fffd}";

/// Cuts what is too long, and frees what it took.
pub(super) fn bound(attempt: &mut Attempt, answer_max_bytes: usize) {
    if answer_max_bytes == 0 {
        attempt.answer = None;
    }
    if let Some(answer) = &mut attempt.answer {
        cut(answer, answer_max_bytes);
    }
    if let Some(reason) = &mut attempt.reason {
        cut(reason, REASON_MAX_BYTES);
    }
    attempt
        .request_headers
        .take_if(|headers| headers.len() > HEADERS_MAX_BYTES || headers.contains('\0'));
}

/// Cuts a text to so many bytes, between two characters.
fn cut(text: &mut String, max_bytes: usize) {
    text.truncate(text.floor_char_boundary(max_bytes));
    if text.contains('\0') {
        *text = text.replace('\0', REPLACEMENT);
        text.truncate(text.floor_char_boundary(max_bytes));
    }
    // The answer may have been read into a large buffer.
    if text.capacity() > 2 * text.len() + 64 {
        text.shrink_to_fit();
    }
}

/// The memory that an attempt takes while it waits, about.
pub(super) fn bytes(attempt: &Attempt) -> usize {
    let optional = [&attempt.reason, &attempt.answer, &attempt.request_headers];
    let optional: usize = optional.into_iter().flatten().map(String::capacity).sum();
    size_of::<Attempt>()
        + attempt.target.capacity()
        + attempt.sink.as_str().len()
        + attempt.tenant.as_str().len()
        + attempt.event_type.as_str().len()
        + attempt.position.partition.topic.as_str().len()
        + optional
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_to(text: &str, max_bytes: usize) -> String {
        let mut text = text.to_owned();
        cut(&mut text, max_bytes);
        text
    }

    #[test]
    fn a_text_is_cut_between_two_characters() {
        assert_eq!(cut_to("não", 2), "n");
        assert_eq!(cut_to("não", 3), "nã");
        assert_eq!(cut_to("não", 4), "não");
        assert_eq!(cut_to("🦀🦀", 7), "🦀");
        assert_eq!(cut_to("", 7), "");
    }

    #[test]
    fn what_postgresql_cannot_store_is_replaced_and_counts_as_what_it_became() {
        assert_eq!(cut_to("a\0b", 10), "a\u{fffd}b");
        assert_eq!(cut_to("a\0b", 4), "a\u{fffd}");
        assert_eq!(cut_to("a\0b", 3), "a");
    }

    #[test]
    fn a_cut_text_does_not_keep_the_memory_of_the_whole() {
        let mut text = "x".repeat(100_000);
        cut(&mut text, 100);
        assert!(text.capacity() < 1_000, "{}", text.capacity());
    }
}
