//! `forebay tail` that ends by itself: at the end of the log, when its reader goes away, or at once for a type that cannot be.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::Duration;

use harness::eventually;
use harness::program::{command, dev, run, stderr};
use harness::sender::Client;

const DEV: &str = include_str!("../../src/config/dev.yaml");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_prints_what_is_there_in_the_order_of_time_and_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_role, base) = dev(folder.path(), &Client::default(), DEV).await;
    let empty = run(&["tail", "--end"], folder.path());
    assert!(empty.status.success() && empty.stdout.is_empty(), "{}", stderr(&empty));
    for platform in ["chatwoot", "baileys", "digisac", "standard"] {
        let sent = run(&["send", platform, "--url", &base], folder.path());
        assert!(sent.status.success(), "{platform}: {}", stderr(&sent));
    }
    let mut orders = Vec::new();
    for start in [
        &["--end"][..],
        &["--end", "--from-beginning"],
        &["--end", "--since", "10m"],
    ] {
        let output = run(&[&["tail", "-o", "json"], start].concat(), folder.path());
        assert!(output.status.success(), "{start:?}: {}", stderr(&output));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let times: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["time"].to_string())
            .collect();
        assert_eq!(times.len(), 4, "{start:?}: {text}");
        orders.push(times);
    }
    // By time, not by which partition is read first: every run gives the same order.
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]), "{orders:?}");
    let later = schemas::time::Timestamp::now().to_string();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let none = run(&["tail", "--end", "--since", &later], folder.path());
    assert!(none.status.success() && none.stdout.is_empty(), "{}", stderr(&none));
    let letters = run(&["tail", "--end", "--dead-letters"], folder.path());
    assert!(
        letters.status.success() && letters.stdout.is_empty(),
        "{}",
        stderr(&letters)
    );
    let family = run(&["tail", "--end", "--type", "message", "-o", "json"], folder.path());
    let family = String::from_utf8(family.stdout).expect("UTF-8");
    assert_eq!(family.lines().count(), 3, "{family}");
    assert!(
        family.lines().all(|line| line.contains(r#""type":"message.created""#)),
        "{family}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_ends_when_its_reader_goes_away_and_says_when_it_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_role, base) = dev(folder.path(), &Client::default(), DEV).await;
    let sent = run(&["send", "chatwoot", "--url", &base], folder.path());
    assert!(sent.status.success(), "{}", stderr(&sent));
    let mut child = command(&["tail", "--from-beginning"], folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    assert!(line.contains("message.created"), "{line}");
    // As `| head -n 1` does; nothing else is ever written.
    drop(reader);
    let child = std::cell::RefCell::new(child);
    let ended = eventually("tail ends", Duration::from_secs(10), async || {
        child.borrow_mut().try_wait().expect("its state")
    })
    .await;
    assert!(ended.success(), "{ended}");

    let args = ["tail", "--dead-letters", "--from-beginning", "-n", "1"];
    let mut waiting = command(&args, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut said = [0; 24];
    let read = waiting.stderr.take().expect("piped").read_exact(&mut said);
    waiting.kill().expect("it waits");
    waiting.wait().expect("its end");
    read.expect("a line about it");
    assert_eq!(&said, b"waiting for dead letters");
}

#[test]
fn a_type_that_cannot_be_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(&["tail", "--type", "mesage.*"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("did you mean `message.*`?"),
        "{}",
        stderr(&output)
    );
}
