//! One connection of HTTP/2: how it is spoken on, and what its peer says of its limits.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;

use crate::client::error::SendError;
use crate::client::pool::Permit;
use crate::client::sender::MAX_HEADER_BYTES;
use crate::client::stream::Stream;

/// The most requests on one connection at once, whatever its peer allows.
const MAX_STREAMS: usize = 100;
/// How much of an answer, and of all answers together, may be under way. They are short.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How long a connection in use may be silent before it is asked whether it lives, and how long it may take to say so.
const SILENCE: Duration = Duration::from_secs(5);

/// How many requests the peer allows on one connection at once, as far as it has said. One for all connections of a place, so that a
/// new one begins with what another has learned.
#[derive(Clone, Default)]
pub(super) struct Limit(Arc<AtomicUsize>);

impl Limit {
    fn learn(&self, allowed: usize) {
        self.0.store(allowed.clamp(1, MAX_STREAMS), Ordering::Relaxed);
    }

    /// Zero stands for what is not known.
    pub(super) fn get(&self) -> usize {
        match self.0.load(Ordering::Relaxed) {
            0 => MAX_STREAMS,
            known => known,
        }
    }
}

/// One connection. It is closed when nothing holds it any more and its requests have ended.
pub(in crate::client) struct Connection {
    sender: http2::SendRequest<Full<Bytes>>,
    /// Told of each answer. Before the first, the peer's limit may not have come.
    answered: Arc<Notify>,
}

impl Connection {
    pub(super) async fn make(stream: Stream, permit: Permit, limit: Limit) -> Result<Self, SendError> {
        let (sender, connection) = http2::Builder::new(Holding(Arc::new(permit)))
            .timer(TokioTimer::new())
            // Until the peer says how many it allows the others wait, so that it has to refuse none.
            .initial_max_send_streams(1)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(SILENCE)
            .keep_alive_timeout(SILENCE)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| SendError::of(&e))?;
        let answered = Arc::new(Notify::new());
        let known = Arc::clone(&answered);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            loop {
                tokio::select! {
                    ended = connection.as_mut() => {
                        if let Err(error) = ended {
                            tracing::trace!(%error, "connection ended");
                        }
                        return;
                    }
                    () = known.notified() => {
                        limit.learn(connection.current_max_send_streams());
                    }
                }
            }
        });
        Ok(Self { sender, answered })
    }

    pub(super) async fn try_send_request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        // Sending takes a sender for itself, and clones of it share the connection.
        let answer = self.sender.clone().try_send_request(request).await;
        if answer.is_ok() {
            self.answered.notify_one();
        }
        answer
    }

    pub(in crate::client) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Runs the parts of a connection, which hold its permit until the last has ended and the socket is closed.
#[derive(Clone)]
struct Holding(Arc<Permit>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Holding {
    fn execute(&self, part: F) {
        let permit = Arc::clone(&self.0);
        tokio::spawn(async move {
            part.await;
            drop(permit);
        });
    }
}

/// Whether the peer said that it has not looked at the request: it refused its stream, or went away in order before it came to it.
/// For streams that it may have looked at, going away is told as a broken connection.
pub(in crate::client) fn is_unprocessed(error: &hyper::Error) -> bool {
    // What has these as values is a crate that we know through hyper only, and not by name.
    let told = StdError::source(error).map(ToString::to_string).unwrap_or_default();
    [
        "stream error received: refused stream",
        "connection error received: not a result of an error",
    ]
    .iter()
    .any(|unprocessed| told.starts_with(unprocessed))
}
