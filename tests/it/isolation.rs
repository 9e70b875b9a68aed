//! An endpoint that accepts and never answers costs the others nothing, in one process with a journal of one partition.

use std::time::Duration;

use harness::program::dev;
use harness::receiver::{Answer, Receiver};
use harness::sender::{Client, STANDARD_SECRET, webhook};

/// The number of the platform `standard` for the sender.
const STANDARD: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_never_answers_holds_up_no_other() {
    let hung = Receiver::start([Answer::Never]).await;
    let quick = Receiver::start([Answer::Status(200)]).await;
    let config = format!(
        "event_log: {{ partitions: 1 }}\n\
         sources: [{{ id: standard, platform: standard, secrets: [{STANDARD_SECRET}] }}]\n\
         endpoints:\n  \
         - {{ id: hung, url: '{}', secrets: [{STANDARD_SECRET}], timeout_ms: 120000 }}\n  \
         - {{ id: quick, url: '{}', secrets: [{STANDARD_SECRET}] }}\n\
         sinks: {{ http: {{ allowed_networks: [127.0.0.0/8] }} }}\n",
        hung.url(),
        quick.url()
    );
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (_role, base) = dev(folder.path(), &client, &config).await;
    for number in 0..100 {
        let answer = client.post(&base, &webhook(STANDARD, number % 20, number)).await;
        assert_eq!(answer.expect("an answer").status, 200);
    }
    // Long before the first attempt at the other one is given up.
    harness::until("the quick one has all", Duration::from_secs(30), || {
        quick.seen().len() == 100
    })
    .await;
    assert!(!hung.seen().is_empty(), "attempts at it are under way");
}
