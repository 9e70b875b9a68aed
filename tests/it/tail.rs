//! `forebay tail`: from a time on; and the dead letters of a sink with a schedule of its own, with what is logged about them.

use std::time::Duration;

use harness::eventually;
use harness::program::{dev, run, stderr};
use harness::sender::Client;
use schemas::time::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

const ARGUMENTS: &[&str] = &["tail", "--output", "json", "-n"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_begins_with_the_first_event_of_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = include_str!("../../src/config/dev.yaml");
    let (_role, base) = dev(folder.path(), &Client::default(), config).await;
    let send = |platform: &str| {
        let sent = run(&["send", platform, "--url", &base], folder.path());
        assert!(sent.status.success(), "{platform}: {}", stderr(&sent));
    };
    let tail = |count: &str, since: &str| -> Vec<String> {
        let output = run(&[ARGUMENTS, &[count, "--since", since]].concat(), folder.path());
        assert!(output.status.success(), "{since}: {}", stderr(&output));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let platform = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            event["platform"].as_str().expect("a platform").to_owned()
        };
        let mut platforms: Vec<String> = text.lines().map(platform).collect();
        platforms.sort();
        platforms
    };
    for platform in ["chatwoot", "baileys", "digisac"] {
        send(platform);
    }
    let time = Timestamp::now();
    tokio::time::sleep(Duration::from_millis(2)).await;
    send("standard");
    assert_eq!(
        tail("1", &time.to_string()),
        ["standard"],
        "and none of the three before"
    );
    assert_eq!(tail("4", "10m"), ["baileys", "chatwoot", "digisac", "standard"]);

    for (arguments, expected) in [
        (
            &["tail", "--since", "yesterday"][..],
            "write how long ago, for example 10m",
        ),
        (&["tail", "--since", "9000-01-01T00:00:00Z"], "has not come yet"),
        (&["tail", "--since", "10m", "--from-beginning"], "cannot be used with"),
    ] {
        let output = run(arguments, folder.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

/// One endpoint on a port on which no one listens, tried twice although the worker's schedule is one of minutes.
const TWO_ATTEMPTS: &str = "\
processor: { retry_base_ms: 60000, retry_max_attempts: 8 }
endpoints:
  - { id: gone, url: 'http://127.0.0.1:9/hook', secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw] }
sources:
  - { id: standard, platform: standard, secrets: [whsec_Zm9yZWJheS1kZXYtc3RhbmRhcmQta2V5LTAx] }
sinks:
  sqlite: {}
  http:
    allowed_networks: [127.0.0.0/8]
    retry:
      steps: [50ms]
";

/// The keys of a JSON object as they are written.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AllKeys)
    }
}

struct AllKeys;

impl<'de> Visitor<'de> for AllKeys {
    type Value = Keys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = map.next_entry()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_is_tried_by_its_own_schedule_and_no_line_about_it_has_a_key_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let (role, base) = dev(folder.path(), &Client::default(), TWO_ATTEMPTS).await;
    let sent = run(
        &["send", "standard", "--url", &base, "--config", "forebay.yaml"],
        folder.path(),
    );
    assert!(sent.status.success(), "{}", stderr(&sent));
    let given_up = eventually("the dead letter", Duration::from_secs(30), async || {
        let logs = role.logs();
        logs.lines()
            .find(|l| l.contains("delivery given up"))
            .map(str::to_owned)
    })
    .await;
    assert!(given_up.contains(r#""delivery_target":"gone""#), "{given_up}");
    assert!(given_up.contains("given up after 2 attempts"), "{given_up}");
    let arguments = [
        ARGUMENTS,
        &["1", "--dead-letters", "--since", "10m", "--config", "forebay.yaml"],
    ];
    let letter = run(&arguments.concat(), folder.path());
    let letter: serde_json::Value = serde_json::from_slice(&letter.stdout).expect("a dead letter");
    assert_eq!(letter["dead_letter"]["attempts"], 2);
    assert_eq!(letter["dead_letter"]["target"], "gone");

    let mut lines = 0;
    for line in role.logs().lines() {
        let Keys(mut keys) = serde_json::from_str(line).expect("a line of JSON");
        keys.sort();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{line}");
        lines += 1;
    }
    assert!(lines > 5, "{lines}");
}
