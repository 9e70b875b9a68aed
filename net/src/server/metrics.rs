//! What a server counts, whatever it serves.

use std::error::Error;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// The label of what is not a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByReason {
    /// `not_http`, answered 400; `head_too_large`, answered 431; or `no_proxy_header`, closed without an answer: no valid header of
    /// the PROXY protocol from a trusted proxy.
    pub reason: &'static str,
}

/// What a server counts. Clones share their values; whoever serves registers them under its own names.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Open connections.
    pub connections: Gauge,
    /// Connections that could not be accepted.
    pub accept_errors: Counter,
    /// Connections closed because the client was silent or slow.
    pub timed_out_connections: Counter,
    /// What no service sees, because the HTTP library answers it by itself or it has no PROXY protocol header. Of HTTP/1 only: on
    /// HTTP/2 the library answers a head that is too large on its stream, and reports it to no one.
    pub malformed: Family<ByReason, Counter>,
}

impl Metrics {
    /// Notes why a connection failed, if it was by what the client sent.
    pub(super) fn failed(&self, error: &(dyn Error + 'static)) {
        let Some(error) = error.downcast_ref::<hyper::Error>() else {
            return;
        };
        let reason = if error.is_parse_too_large() {
            "head_too_large"
        } else if error.is_parse() {
            "not_http"
        } else {
            return;
        };
        self.malformed.get_or_create(&ByReason { reason }).inc();
    }
}
