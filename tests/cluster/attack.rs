//! Many large bodies at once that no source has signed: ingest has to read each before it can refuse it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use harness::load::sender::SOURCE;
use harness::sender::{Client, Webhook};

/// As large as ingest takes unless it is told otherwise, without the head.
const BODY_BYTES: usize = 1024 * 1024;

/// Senders that go on until they are stopped.
#[derive(Debug)]
pub(crate) struct Attack {
    stopped: CancellationToken,
    senders: JoinSet<()>,
    answers: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Attack {
    /// Starts so many senders, each of which sends its next body as soon as it has an answer.
    pub(crate) fn start(base: &str, senders: usize) -> Self {
        let stopped = CancellationToken::new();
        let answers = Arc::new(Mutex::new(BTreeMap::new()));
        let webhook = Arc::new(Webhook {
            path: format!("/in/{SOURCE}"),
            headers: vec![
                ("webhook-id", "attack".to_owned()),
                ("webhook-timestamp", "1".to_owned()),
                ("webhook-signature", "v1,AAAA".to_owned()),
            ],
            body: "x".repeat(BODY_BYTES),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..senders {
            let (stopped, answers, webhook, base) = (
                stopped.clone(),
                Arc::clone(&answers),
                Arc::clone(&webhook),
                base.to_owned(),
            );
            tasks.spawn(async move {
                let client = Client::unpooled();
                while !stopped.is_cancelled() {
                    let answer = tokio::select! {
                        answer = client.post(&base, &webhook) => answer,
                        () = stopped.cancelled() => break,
                    };
                    let answer = answer.map_or_else(|_| "broken".to_owned(), |answer| answer.status.to_string());
                    *answers.lock().entry(answer).or_default() += 1;
                }
            });
        }
        Self {
            stopped,
            senders: tasks,
            answers,
        }
    }

    /// Stops the senders, and returns how often they got each answer.
    pub(crate) async fn stop(mut self) -> BTreeMap<String, u64> {
        self.stopped.cancel();
        while self.senders.join_next().await.is_some() {}
        self.answers.lock().clone()
    }
}
