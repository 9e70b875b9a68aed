//! Proxies from the environment are ignored (A16).

use std::process::Command;

use schemas::sink::Outcome;

use crate::stage::{Stage, endpoint};
use harness::receiver::{Answer, Receiver};

/// Set in the process that the test starts, since a process must not change its own environment.
const INSIDE: &str = "FOREBAY_TEST_INSIDE_PROXIED";

#[tokio::test(flavor = "multi_thread")]
async fn proxies_from_the_environment_are_ignored() {
    if std::env::var_os(INSIDE).is_some() {
        let receiver = Receiver::start([Answer::Status(200)]).await;
        let stage = Stage::new([endpoint("crm", &receiver.url())]);
        assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
        assert_eq!(receiver.seen().len(), 1, "it came straight");
        assert_eq!(
            receiver.seen()[0].target,
            "/hook?x=1",
            "and not in the form for proxies"
        );
        return;
    }
    let proxy = Receiver::start([Answer::Status(200)]).await;
    let url = format!("http://{}", proxy.address);
    let mut inside = Command::new(std::env::current_exe().expect("this test"));
    inside
        .args(["--exact", "proxy::proxies_from_the_environment_are_ignored"])
        .env(INSIDE, "1");
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        inside.env(name, &url);
    }
    inside.env("NO_PROXY", "").env("no_proxy", "");
    let output = tokio::task::spawn_blocking(move || inside.output())
        .await
        .expect("no panic")
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.connections(), 0);
}
