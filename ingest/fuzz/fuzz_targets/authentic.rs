//! What is authentic is never refused, and a body changed on the way never passes where the body is signed.
//!
//! The first byte chooses the source, the second a bit; the rest is the body.
#![no_main]

use bytes::Bytes;
use http::Method;
use ingest::{Captured, Reason, Verdict, judge, sign};
use libfuzzer_sys::fuzz_target;
use schemas::source::Scheme;
use schemas::time::Timestamp;

#[path = "sources.rs"]
mod sources;

fuzz_target!(|data: &[u8]| {
    let [choice, bit, body @ ..] = data else { return };
    let all = sources::all();
    let source = &all[usize::from(*choice) % all.len()];
    let now = Timestamp::parse("2026-03-10T13:36:50Z").expect("a time");
    // Tokens in the body need a body that can hold one; forms are text.
    let Ok(mut request) = sign(source, &source.secrets[0], Bytes::copy_from_slice(body), now, "msg_1") else {
        return;
    };
    request
        .headers
        .insert(http::header::HOST, http::HeaderValue::from_static("h"));
    let captured = Captured {
        method: Method::POST,
        target: format!("/in/line-1{}", request.path_suffix),
        headers: request.headers,
        body: request.body,
    };
    match judge(source, &captured, now) {
        Verdict::Accepted { secret, url_secret } => {
            assert_eq!(secret, Some(0));
            assert_eq!(url_secret, (!source.url_secrets.is_empty()).then_some(0));
        }
        Verdict::Replied(_) => {}
        // A handshake by POST that shows another verify token than ours.
        Verdict::Refused {
            reason: Reason::Forbidden,
            ..
        } => return,
        refused @ Verdict::Refused { .. } => panic!("{refused:?}"),
    }
    let signed = match source.scheme() {
        Scheme::Hmac(_) | Scheme::StandardWebhooks { .. } => true,
        // A form may be spelled otherwise without saying something else.
        _ => false,
    };
    if signed && !captured.body.is_empty() {
        let mut changed = captured.body.to_vec();
        let at = usize::from(*bit) * 7 % changed.len();
        changed[at] ^= 1 << (bit % 8);
        let changed = Captured {
            body: changed.into(),
            ..captured
        };
        let verdict = judge(source, &changed, now);
        assert!(
            matches!(
                verdict,
                Verdict::Refused {
                    reason: Reason::NoMatch,
                    ..
                }
            ),
            "{verdict:?}"
        );
    }
});
