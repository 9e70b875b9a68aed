//! A verdict and an event beside what a vector says of them.

use ingest::normalize::Reply;
use ingest::{Reason, Verdict};
use serde_json::Value;

use super::Case;

/// Compares the verdict with the expected one; the error says what differs.
pub(super) fn compare(case: &Case, verdict: &Verdict) -> Result<(), String> {
    let found = match verdict {
        Verdict::Accepted { .. } => ("accept", 200, None),
        Verdict::Replied(_) => ("handshake", 200, None),
        Verdict::Refused {
            reason: Reason::Forbidden,
            ..
        } if case.verdict == "handshake" => ("handshake", verdict.status().as_u16(), Some("forbidden")),
        Verdict::Refused { reason, .. } => ("refuse", verdict.status().as_u16(), Some(reason.label())),
    };
    let expected = (&*case.verdict, case.status, case.reason.as_deref());
    // An unsupported method has no reason of its own in the vectors.
    let same = found.0 == expected.0 && found.1 == expected.1 && (found.2 == expected.2 || found.1 == 405);
    if !same {
        return Err(format!("expected {expected:?}, found {found:?}: {verdict:?}"));
    }
    for (name, value) in &case.answer_headers {
        let answered = match verdict {
            Verdict::Replied(Reply::Headers(headers)) => headers
                .iter()
                .find(|(found, _)| found.as_str().eq_ignore_ascii_case(name)),
            _ => None,
        };
        if answered.map(|(_, found)| found) != Some(value) {
            return Err(format!("answered {answered:?}, expected `{name}: {value}`"));
        }
    }
    let (Verdict::Replied(reply), Some(answer)) = (verdict, &case.answer) else {
        return Ok(());
    };
    let (content_type, body) = match reply {
        Reply::Empty | Reply::Headers(_) => ("", String::new()),
        Reply::Text(text) => ("text/plain", text.clone()),
        Reply::Json(text) => ("application/json", text.clone()),
    };
    let same_body = match content_type {
        "application/json" => serde_json::from_str::<Value>(&body).ok() == serde_json::from_str(&answer.body).ok(),
        _ => body == answer.body,
    };
    if same_body && (body.is_empty() || answer.content_type.starts_with(content_type)) {
        Ok(())
    } else {
        Err(format!(
            "answered {content_type} `{body}`, expected {} `{}`",
            answer.content_type, answer.body
        ))
    }
}

/// Whether everything in `expected` is in `found`.
pub(super) fn contains(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| found.get(name).is_some_and(|found| contains(found, value))),
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, expected)| contains(found, expected))
        }
        _ => found == expected,
    }
}
