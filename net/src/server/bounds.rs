//! What hyper may hold for one connection. All of it is held before a client has proved anything, and most of it before
//! there is a request that its service could account for: so every buffer has a bound of its own here, and none is left to
//! hyper's defaults, which are made for few clients and large bodies.
//!
//! HTTP/1, beside its task:
//! * read ahead: one buffer of at most `max_header_bytes`, for heads, bodies and pipelined requests alike; and the buffer that
//!   the head came in, which the service can account for while it works on the request
//! * to be written: as much, then no further request is read
//! * headers: [`HEADERS`]; one more is answered 431, as is a larger head
//!
//! HTTP/2, beside its task:
//! * read and not yet asked for: [`CONNECTION_WINDOW`] for all streams together, and half of that for the bookkeeping of tiny
//!   frames (h2 ends connections beyond it)
//! * streams: [`STREAMS`]; one more is refused. Their heads and bodies are the service's to account for
//! * a head that is not complete: the frames of `max_header_bytes`, and at least five (h2's own bound on CONTINUATION)
//! * a head that is too large: answered 431 up to four times `max_header_bytes`, the end of the connection beyond
//! * table of headers: 4 KiB each way (h2's own)
//! * to be written: 16 KiB, and [`SEND_BYTES`] of each answer

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use super::Settings;

/// Headers of a request (HTTP/1; on HTTP/2 the bytes bound them, each counting 32 more than its text).
pub const HEADERS: usize = 100;

/// Requests of one connection at a time; RFC 9113 §6.5.2 wants at least 100.
const STREAMS: u32 = 128;

/// Of one stream, received and not yet read: the value that HTTP/2 begins with.
const STREAM_WINDOW: u32 = 65_535;

/// The same of all streams of a connection. Bodies are read as they come, so this bounds a moment, not a body.
const CONNECTION_WINDOW: u32 = 4 * 65_536;

/// The largest frame; the least that may be announced.
const FRAME_BYTES: u32 = 16_384;

/// Of one answer, waiting for the client's window: ours are shorter.
const SEND_BYTES: usize = 16_384;

/// Streams that the client reset before we looked at them; beyond it the connection ends (rapid reset).
const PENDING_RESETS: usize = 20;

/// Streams that we reset because of their client's errors; beyond it the connection ends.
const ERROR_RESETS: usize = 128;

/// HTTP/1 and HTTP/2, distinguished by their first bytes.
pub(super) fn http(settings: &Settings) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // The deadlines are ours (see `watch`), so hyper's would only be a second set of timers.
    http.http1()
        .max_buf_size(settings.max_header_bytes)
        .max_headers(HEADERS)
        .header_read_timeout(None);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX))
        .adaptive_window(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    http
}
