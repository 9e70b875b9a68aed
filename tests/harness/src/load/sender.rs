//! An open-loop sender of signed webhooks: event `i` is planned at a moment that does not depend on any answer, and
//! every event is sent until it has a final answer.

use std::sync::Arc;
use std::time::Duration;

use sqlx::types::chrono::DateTime;
use standardwebhooks::Webhook as Signer;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::ledger::{Answer, EventState, Ledger, now_ms};
use crate::sender::{Client, STANDARD_SECRET, Webhook};

/// The id of the source, which is of the platform `standard` and has the secret [`STANDARD_SECRET`].
pub const SOURCE: &str = "load";

/// A way to an ingest.
#[derive(Debug, Clone)]
pub struct Route {
    /// With or without connections that are kept.
    pub client: Client,
    /// Its URL, without a path.
    pub base: String,
}

/// How long an answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// A load that goes on until it is stopped.
#[derive(Debug)]
pub struct Load {
    planning: CancellationToken,
    give_up: watch::Sender<Option<Instant>>,
    ended: tokio::task::JoinHandle<()>,
}

impl Load {
    /// Sends `rate` events a second, of `size` bytes each, by the routes in turn.
    pub fn start(ledger: &Arc<Ledger>, routes: Vec<Route>, rate: u32, size: usize) -> Self {
        let planning = CancellationToken::new();
        let post = Post {
            ledger: Arc::clone(ledger),
            signer: Signer::new(STANDARD_SECRET).expect("a valid key"),
            routes,
            size,
        };
        let (give_up, patience) = watch::channel(None);
        let ended = tokio::spawn(run(Arc::new(post), rate, planning.clone(), patience));
        Self {
            planning,
            give_up,
            ended,
        }
    }

    /// Stops planning, and waits until each event has its final answer, for at most `patience`.
    pub async fn stop(self, patience: Duration) {
        self.planning.cancel();
        self.give_up.send_replace(Some(Instant::now() + patience));
        self.ended.await.expect("the sender does not panic");
    }
}

async fn run(post: Arc<Post>, rate: u32, planning: CancellationToken, patience: watch::Receiver<Option<Instant>>) {
    let mut tasks = JoinSet::new();
    let keys = post.ledger.book().keys();
    let queues: Vec<_> = (0..keys)
        .map(|_| {
            let (queue, numbers) = mpsc::unbounded_channel();
            tasks.spawn(Arc::clone(&post).one_key(numbers, patience.clone()));
            queue
        })
        .collect();
    let started = Instant::now();
    for count in 0.. {
        let due = started + Duration::from_secs_f64(f64::from(count) / f64::from(rate));
        tokio::select! {
            () = sleep_until(due) => {}
            () = planning.cancelled() => break,
        }
        let (number, key) = {
            let mut book = post.ledger.book();
            let number = book.plan(now_ms());
            (number, book.key(number))
        };
        queues[key].send(number).expect("a key's task outlives its queue");
    }
    drop(queues);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a sender does not panic");
    }
}

struct Post {
    ledger: Arc<Ledger>,
    signer: Signer,
    routes: Vec<Route>,
    size: usize,
}

impl Post {
    /// Sends the events of one key, one after the other.
    async fn one_key(
        self: Arc<Self>,
        mut numbers: mpsc::UnboundedReceiver<usize>,
        give_up: watch::Receiver<Option<Instant>>,
    ) {
        while let Some(number) = numbers.recv().await {
            let state = self.until_final(number, &give_up).await;
            self.ledger.settle(number, state);
        }
    }

    async fn until_final(&self, number: usize, give_up: &watch::Receiver<Option<Instant>>) -> EventState {
        let (planned_ms, key, mark) = {
            let book = self.ledger.book();
            (book.entries[number].planned_ms, book.key(number), book.mark(number))
        };
        let id = mark.replace('/', "-");
        let body = self.body(key, &mark, planned_ms);
        for attempt in 0.. {
            let Route { client, base } = &self.routes[(number + attempt) % self.routes.len()];
            let webhook = self.signed(&id, &body);
            let answer = match timeout(ANSWER_PATIENCE, client.post(base, &webhook)).await {
                Ok(Ok(answer)) if (200..300).contains(&answer.status) => {
                    return EventState::Accepted { at_ms: now_ms() };
                }
                Ok(Ok(answer)) => Answer::Status(answer.status),
                Ok(Err(words)) => {
                    self.ledger.error(words);
                    Answer::Broken
                }
                Err(_) => Answer::Late,
            };
            self.ledger.not_accepted(answer);
            // A sender does not repeat after 4xx, except these two.
            if let Answer::Status(status @ 400..500) = answer
                && ![408, 429].contains(&status)
            {
                return EventState::Refused;
            }
            if give_up.borrow().is_some_and(|at| Instant::now() > at) {
                break;
            }
            // At once at the next ingest, then with growing pauses.
            let round = u32::try_from(attempt / self.routes.len()).unwrap_or(u32::MAX);
            if (attempt + 1) % self.routes.len() == 0 {
                sleep(Duration::from_millis(50 << round.min(4))).await;
            }
        }
        EventState::Unknown
    }

    fn body(&self, key: usize, mark: &str, planned_ms: i64) -> String {
        let time = DateTime::from_timestamp_millis(planned_ms).expect("a time of this century");
        let time = time.format("%Y-%m-%dT%H:%M:%S%.3fZ");
        let mut body =
            format!(r#"{{"type":"load.tick","timestamp":"{time}","data":{{"id":"k{key}","mark":"{mark}","pad":""#);
        let rest = self.size.saturating_sub(body.len() + 3);
        body.extend(std::iter::repeat_n('x', rest));
        body.push_str("\"}}");
        body
    }

    /// Signs again for each attempt, as a sender does.
    fn signed(&self, id: &str, body: &str) -> Webhook {
        let seconds = now_ms() / 1000;
        let signature = self.signer.sign(id, seconds, body.as_bytes()).expect("signs");
        Webhook {
            path: format!("/in/{SOURCE}"),
            headers: vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", seconds.to_string()),
                ("webhook-signature", signature),
            ],
            body: body.to_owned(),
        }
    }
}
