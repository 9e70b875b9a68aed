//! What a request goes out on: a connection of its own (HTTP/1.1), or a share of one (HTTP/2).

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;

use super::error::SendError;
use super::http2::Lease;
use super::pool::Permit;
use super::stream::Stream;

/// An answer's header may have so many fields, and together so many bytes.
const MAX_HEADERS: usize = 100;
pub(super) const MAX_HEADER_BYTES: usize = 64 * 1024;

/// What sends requests on a connection, one at a time.
pub(super) type Exclusive = http1::SendRequest<Full<Bytes>>;

/// What sends one request.
pub(super) enum Sender {
    One(Exclusive),
    Many(Lease),
}

impl Sender {
    /// Whether other requests use the same connection.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Many(_))
    }

    /// Waits until the connection can take another request.
    pub(super) async fn ready(&mut self) -> Result<(), hyper::Error> {
        match self {
            Self::One(sender) => sender.ready().await,
            Self::Many(_) => Ok(()),
        }
    }

    /// Sends it. What was not sent comes back with the error.
    pub(super) async fn try_send_request(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        match self {
            Self::One(sender) => sender.try_send_request(request).await,
            Self::Many(lease) => lease.try_send_request(request).await,
        }
    }

    /// Lets no further request use the connection. Those that do are not disturbed.
    pub(super) fn retire(&self) {
        if let Self::Many(lease) = self {
            lease.retire();
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(_) => "One",
            Self::Many(_) => "Many",
        })
    }
}

/// Speaks HTTP/1.1 on a new connection.
pub(super) async fn exclusive(stream: Stream, permit: Permit) -> Result<Exclusive, SendError> {
    let (sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| SendError::of(&e))?;
    tokio::spawn(async move {
        // The request that is under way gets the error, too.
        if let Err(error) = connection.await {
            tracing::trace!(%error, "connection ended");
        }
        // The socket is closed by now.
        drop(permit);
    });
    Ok(sender)
}
