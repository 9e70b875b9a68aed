//! One request and the head of its answer, on whatever connection is to be had.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, Timing};
use super::aside::Rest;
use super::error::SendError;
use super::pool::{On, Seat};
use super::{Client, Destination, http2};

/// How often a request moves on from a connection of HTTP/2 on which it was not looked at.
const MAX_MOVES: usize = 3;

impl Client {
    /// Sends `request`, beginning with `seat`. `timeout` is for all but waiting for another seat.
    pub(super) async fn exchange(
        &self,
        mut seat: Seat,
        destination: &Destination,
        mut request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Answer, SendError> {
        let late = |_| SendError::Timeout(timeout);
        let mut deadline = Instant::now() + timeout;
        // How long a connection was being made for this request.
        let mut connect: Option<Duration> = None;
        let mut moves = 0;
        loop {
            let begun = Instant::now();
            let sender = match seat.0 {
                On::Existing(sender) => Some(sender),
                On::Joining(making) => {
                    timeout_at(deadline, making.wait()).await.map_err(late)??;
                    connect = Some(connect.unwrap_or_default() + begun.elapsed());
                    None
                }
                On::New(permit) => {
                    let open = self.pool.open(&destination.uri, &destination.origin, permit);
                    let opened = timeout_at(deadline, open).await.map_err(late)??;
                    connect = Some(connect.unwrap_or_default() + begun.elapsed());
                    opened
                }
            };
            if let Some(mut sender) = sender {
                destination.address(&mut request, &sender);
                let copy = sender.is_shared().then(|| request.clone());
                let ready = Instant::now();
                let sent = timeout_at(deadline, sender.try_send_request(request)).await;
                let mut error = match sent {
                    Ok(Ok(response)) => {
                        let (head, body) = response.into_parts();
                        let origin = destination.origin.clone();
                        return Ok(Answer {
                            status: head.status,
                            headers: head.headers,
                            timing: Timing {
                                connect,
                                first_byte: ready.elapsed(),
                            },
                            rest: Rest { body, sender, origin },
                        });
                    }
                    Ok(Err(error)) => error,
                    Err(_) => {
                        // Others may be on it, and it may be dead.
                        sender.retire();
                        return Err(SendError::Timeout(timeout));
                    }
                };
                let unsent = error.take_message();
                let unsent = match copy {
                    // Closed by the other side while it was unused: not a byte was sent, so it may go out on another.
                    None => unsent.filter(|_| connect.is_none()),
                    Some(copy) => {
                        sender.retire();
                        let may_move = unsent.is_some() || http2::is_unprocessed(error.error());
                        moves += 1;
                        (may_move && moves <= MAX_MOVES).then_some(copy)
                    }
                };
                request = unsent.ok_or_else(|| SendError::of(error.error()))?;
            }
            let waiting = Instant::now();
            seat = self.seat(destination).await?;
            deadline += waiting.elapsed();
        }
    }
}
