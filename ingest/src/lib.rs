//! HTTP to event log: receive, authenticate, normalize, publish.
//!
//! The way of one webhook through this crate; each arrow is a type that only its step can make:
//!
//! ```text
//! connection ──server──► request ──receive──► RawWebhook ──authenticate──► VerifiedWebhook
//!            ──normalize──► NewEvent(s) ──envelope──► Record(s) ──publish──► answer 200
//! ```
//!
//! * [`serve()`]: this crate on a listener, served by the crate `net`
//! * [`Ingest`]: the one handler (`accept` is its second half); the module `answer` has the whole status table
//! * `decide`: the one decision on a request, and its [`Reason`]s; [`judge()`] makes it without a server, [`explain()`] says why
//! * [`authenticate`]: the schemes by which a sender proves itself; [`sign`] does the sender's half
//! * `webhook`: what is received, and what is verified
//! * [`normalize`]: one adapter per platform
//! * [`envelope`]: ids, receipt, digest: from a normalized event to a record
//! * `budget` and `body`: how much memory and time a request may take before its sender is known
//! * `watch`: what [`Watch`] is told of each request, for `forebay dev`
//! * `canary`: records that prove that the log accepts records, and that the workers see them
//! * [`Config`], [`Metrics`]: what can be set, what can be watched

mod accept;
mod answer;
pub mod authenticate;
mod body;
mod budget;
mod canary;
mod config;
mod decide;
mod detached;
pub mod envelope;
mod explain;
mod handler;
mod head;
mod judge;
mod metrics;
pub mod normalize;
mod publish;
mod serve;
mod sources;
mod watch;
mod webhook;

pub use authenticate::{NotSigned, SignedRequest, check_source, sign};
pub use canary::send_canaries;
pub use config::Config;
pub use decide::{Reason, Step};
pub use explain::{Explanation, explain};
pub use handler::Ingest;
pub use judge::{Captured, Verdict, judge};
pub use metrics::Metrics;
pub use serve::{Drained, serve};
pub use watch::{Outcome, Seen, Watch};
