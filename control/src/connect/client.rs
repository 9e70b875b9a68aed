//! One HTTP request at a time to the API of a platform: the client of the crate `net`, open to every address, since the operator
//! names it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use net::client::{Guard, Response, SendError, Settings, SystemResolver};
use schemas::setting::Invalid;
use url::Url;

/// The whole of one request, from resolving the name to the end of the response.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A list of webhooks is far below this.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Talks to the APIs of platforms.
#[derive(Debug, Clone)]
pub struct Client {
    http: net::client::Client,
    time_limit: Duration,
}

impl Client {
    /// Trusts the public certificate authorities, and those in `ca_file` (PEM), for a platform that runs on a private one.
    /// What can be wrong is that file.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, Invalid> {
        let settings = Settings {
            connect_timeout: TIME_LIMIT,
            response_max_bytes: MAX_ANSWER_BYTES,
            // A few requests in all: no connection is worth keeping.
            pool_idle: Duration::ZERO,
            ca_file: ca_file.map(Path::to_owned),
            ..Settings::default()
        };
        let http = net::client::Client::new(&settings, Guard::allow_all(), Arc::new(SystemResolver))?;
        Ok(Self {
            http,
            time_limit: TIME_LIMIT,
        })
    }

    /// The same with another limit for the whole of one request; 20 seconds otherwise.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Sends one request; the response is complete. The error is the reason in words, which name neither path nor query.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, String> {
        let limit = self.time_limit;
        match self.http.request(method, url, headers, body, limit).await {
            Ok(response) if response.complete => Ok(response),
            Ok(_) => Err(format!(
                "the answer cannot be read to its end: it breaks off, takes longer than {limit:?}, or is longer than \
                 {MAX_ANSWER_BYTES} bytes"
            )),
            Err(SendError::Timeout(limit)) => Err(format!("it did not answer within {limit:?}")),
            Err(error) => Err(error.to_string()),
        }
    }
}
