//! Any request to a source of any scheme: a verdict, and an explanation of it that holds no secret.
//!
//! An input is `METHOD target`, a line per header, an empty line, and the body; the length of the input chooses the source.
#![no_main]

use ingest::{Captured, explain, judge};
use libfuzzer_sys::fuzz_target;
use schemas::time::Timestamp;

#[path = "request.rs"]
mod request;
#[path = "sources.rs"]
mod sources;

fuzz_target!(|data: &[u8]| {
    let Some((first, headers, body)) = request::read(data) else {
        return;
    };
    let Some((method, target)) = first.split_once(' ') else {
        return;
    };
    let Ok(method) = method.parse() else { return };
    let captured = Captured {
        method,
        target: target.to_owned(),
        headers,
        body: body.to_vec().into(),
    };
    let now = Timestamp::parse("2026-03-10T13:36:50Z").expect("a time");
    let all = sources::all();
    let source = &all[data.len() % all.len()];
    let verdict = judge(source, &captured, now);
    // The search for what would have matched is thorough, so only small requests are explained.
    if data.len() < 300 {
        let explanation = explain(source, &[], &captured, now);
        assert_eq!(explanation.verdict, verdict);
        let said = explanation.findings.join("\n");
        assert!(!said.contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "{said}");
    }
});
