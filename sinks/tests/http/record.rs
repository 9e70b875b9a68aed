//! What the attempt log is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::receiver::{Answer, Receiver};
use schemas::attempt::{Attempt, AttemptLog};
use schemas::endpoint::Credentials;
use schemas::secret::Secret;
use schemas::sink::{Outcome, Sink as _};

use crate::stage::{EVENT_ID, Stage, batch, endpoint, retry};

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Attempt>>);

impl AttemptLog for Kept {
    fn record(&self, attempt: Attempt) {
        self.0.lock().expect("no panic").push(attempt);
    }
}

fn recorded(stage: Stage) -> (Stage, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let sink = Arc::into_inner(stage.sink).expect("not shared yet");
    let sink = Arc::new(sink.recorded(Some(Arc::clone(&kept) as _)));
    (Stage { sink, ..stage }, kept)
}

impl Kept {
    fn all(&self) -> Vec<Attempt> {
        self.0.lock().expect("no panic").clone()
    }
}

#[tokio::test]
async fn an_attempt_is_recorded_with_all_that_is_known_of_it_and_no_secret() {
    let receiver = Receiver::start([
        Answer::StatusBody(500, b"it is \xc3\xa9 broken"),
        Answer::Body(b"thanks"),
    ])
    .await;
    let mut crm = endpoint("crm", &receiver.url());
    crm.credentials = Some(Credentials::Bearer(Secret::new("hunter2")));
    crm.headers = vec![("x-api-key".to_owned(), Secret::new("hunter3"))];
    let (stage, kept) = recorded(Stage::new([crm]));
    let reason = retry(&stage.deliver_one("crm").await).to_owned();
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);

    let all = kept.all();
    let [failed, delivered] = &all[..] else {
        panic!("two attempts: {all:?}")
    };
    assert_eq!((failed.class, failed.status), ("status_5xx", Some(500)));
    assert_eq!(failed.reason.as_deref(), Some(&*reason));
    assert_eq!(failed.answer.as_deref(), Some("it is é broken"));
    assert!(
        !reason.contains("broken"),
        "the answer is in the log of attempts alone: {reason}"
    );
    assert!(failed.connect.is_some(), "a connection was made");
    assert_eq!((failed.sink.as_str(), failed.target.as_str()), ("http", "crm"));
    assert_eq!(
        (failed.tenant.as_str(), failed.event_type.as_str()),
        ("acme", "message.created")
    );
    assert_eq!((failed.event.to_string().as_str(), failed.number), (EVENT_ID, 1));
    assert_eq!(failed.position.offset.0, 7);

    assert_eq!((delivered.class, delivered.status), ("delivered", Some(200)));
    assert_eq!((&delivered.reason, &delivered.answer), (&None, &None));
    assert_eq!(delivered.connect, None, "it was there");
    let first_byte = delivered.first_byte.expect("an answer came");
    assert!(first_byte <= delivered.total && delivered.at >= failed.at);

    let headers = failed.request_headers.as_deref().expect("headers");
    let headers: serde_json::Value = serde_json::from_str(headers).expect("JSON");
    assert_eq!(headers["webhook-id"], EVENT_ID);
    assert_eq!(headers["x-api-key"], "[redacted]");
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    for hidden in ["authorization", "webhook-signature"] {
        assert!(headers.get(hidden).is_none(), "{headers}");
    }
    assert!(!format!("{all:?}").contains("hunter"), "{all:?}");
}

#[tokio::test]
async fn what_got_no_answer_is_recorded_and_what_was_not_tried_is_not() {
    let receiver = Receiver::start([Answer::Never]).await;
    let mut hangs = endpoint("hangs", &receiver.url());
    (hangs.timeout, hangs.concurrency) = (Duration::from_millis(100), 1);
    let away = endpoint("away", "http://127.0.0.1:1/");
    let forbidden = endpoint("forbidden", "http://10.0.0.1/");
    let (stage, kept) = recorded(Stage::new([hangs, away, forbidden]));
    // The second finds no slot, or times out, too.
    let batch = batch(&["hangs", "hangs", "away", "forbidden", "gone"]);
    let outcomes = stage.sink.deliver(&batch).await.expect("available");
    let tried = |outcome: &&Outcome| match outcome {
        Outcome::Retry { reason, .. } => !reason.contains("slots were busy"),
        Outcome::Rejected { reason } => !reason.contains("was removed"),
        _ => false,
    };
    assert_eq!(kept.all().len(), outcomes.iter().filter(tried).count(), "{outcomes:?}");
    let mut classes: Vec<&str> = kept.all().iter().map(|attempt| attempt.class).collect();
    classes.sort_unstable();
    classes.dedup();
    assert_eq!(classes, ["blocked", "connect", "timeout"]);
    assert!(
        kept.all()
            .iter()
            .all(|attempt| attempt.status.is_none() && attempt.first_byte.is_none())
    );
}
