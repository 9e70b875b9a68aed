//! HTTP to event log: receive, authenticate, normalize, publish.
//!
//! The way of one webhook through this crate, each arrow one type that only its step can make:
//!
//! ```text
//! connection ──server──► request ──receive──► RawWebhook ──authenticate──► VerifiedWebhook
//!            ──normalize──► NewEvent(s) ──envelope──► Record(s) ──publish──► answer 200
//! ```
//!
//! * [`serve()`]: this crate on a listener, served by the crate `net`
//! * [`Ingest`]: the one handler; its module tells the order of work (`accept` is its second half), the module `answer`
//!   the whole status table
//! * [`authenticate`]: the schemes by which a sender proves itself; [`sign`] does the sender's half
//! * [`judge()`]: the same decision without a server; [`explain`] says why
//! * [`normalize`]: one adapter per platform
//! * [`envelope`]: ids, receipt, digest: from a normalized event to a record
//! * `budget` and `body`: what a request may take of our memory and our patience, before anybody knows who sent it
//! * `canary`: records that prove that the log takes some, and that the workers see them
//! * [`Config`], [`Metrics`]: what can be set, what can be watched

mod accept;
mod answer;
pub mod authenticate;
mod body;
mod budget;
mod canary;
mod config;
mod detached;
pub mod envelope;
mod handler;
mod judge;
mod known;
mod metrics;
pub mod normalize;
mod publish;
mod receive;
mod serve;

pub use authenticate::{Explanation, NotSigned, SignedRequest, check_source, explain, sign};
pub use canary::send_canaries;
pub use config::Config;
pub use handler::Ingest;
pub use judge::{Captured, Verdict, judge};
pub use metrics::Metrics;
pub use serve::{Drained, serve};
