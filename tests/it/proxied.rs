//! The program behind proxies: the path that they keep, the client that they name, and the proxy that it does not use.

use std::cell::RefCell;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use harness::program::{Role, command, run, stderr};
use harness::sender::Client;
use harness::{eventually, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bad_input::write;

const SOURCES: &str = "sources:
  - { id: line-1, platform: digisac, secrets: [digisac-url-secret-1] }
  - { id: sales, platform: chatwoot, secrets: [chatwoot-secret-1] }
sinks: { sqlite: {}, http: {} }
";

/// Starts `forebay dev` with a base path, and trusts proxies on this host; returns the address of its ingest, too.
async fn behind_a_proxy(folder: &Path) -> (Role, String) {
    let (port, admin) = (free_port(), free_port());
    let config = format!(
        "logging: {{ format: json }}\nadmin: {{ listen: \"127.0.0.1:{admin}\" }}\n\
         ingest: {{ listen: \"127.0.0.1:{port}\", base_path: /hooks, trusted_proxies: [127.0.0.1] }}\n{SOURCES}"
    );
    write(folder, "forebay.yaml", &config);
    let mut role = Role::start(&["dev", "--config", "forebay.yaml"], folder, "dev", admin);
    role.ready(&Client::default()).await;
    (role, format!("127.0.0.1:{port}"))
}

/// Sends a request and returns the beginning of the answer, up to the status.
async fn answered(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_exact(&mut head)).await;
    read.expect("an answer in time").expect("an answer");
    String::from_utf8_lossy(&head).into_owned()
}

/// Sends the request until a line of the log has all of `parts`: lines about what clients do wrong are held back now and then.
async fn logged(role: &Role, address: &str, request: &str, status: &str, parts: &[&str]) {
    eventually("a line in the log", Duration::from_secs(20), async || {
        assert_eq!(
            answered(address, request).await,
            format!("HTTP/1.1 {status}"),
            "{request}"
        );
        let logs = role.logs();
        let found = logs.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        found.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_know_the_base_path_and_refusals_name_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let (role, address) = behind_a_proxy(folder.path()).await;
    let base = format!("http://{address}");

    let listed = run(&["sources", "list", "--config", "forebay.yaml"], folder.path());
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains(" /hooks/in/line-1/[redacted]"), "{text}");
    assert!(text.contains(" /hooks/in/sales"), "{text}");
    for platform in ["digisac", "chatwoot"] {
        let args = ["send", platform, "--url", &base, "--config", "forebay.yaml"];
        let sent = run(&args, folder.path());
        assert!(sent.status.success(), "{platform}: {}", stderr(&sent));
    }

    let post = |path: &str, headers: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1, 198.51.100.1\r\n{headers}\r\n")
    };
    let client = r#""client":"198.51.100.1""#;
    for (path, status, words) in [
        ("/hooks/in/sales", "401", "sender not verified"),
        ("/hooks/in/line-1/wrong", "404", "wrong or no secret in the path"),
        ("/hooks/in/no-one", "404", "there is no such source"),
    ] {
        let request = post(path, "Content-Length: 0\r\n");
        logged(&role, &address, &request, status, &[client, words]).await;
    }
    let direct = r#""client":"127.0.0.1""#;
    logged(&role, &address, "nonsense\r\n\r\n", "400", &[direct, "malformed"]).await;
    let many = post("/hooks/in/sales", &"X: y\r\n".repeat(120));
    logged(&role, &address, &many, "431", &[direct, "answered 431"]).await;
    let without = post("/in/sales", "Content-Length: 0\r\n");
    assert_eq!(answered(&address, &without).await, "HTTP/1.1 404");

    // `forebay verify` decides alike.
    let secret = "digisac-url-secret-1";
    for (path, code, words) in [
        (format!("/hooks/in/line-1/{secret}"), 0, "passes"),
        ("/hooks/in/line-1/wrong".to_owned(), 1, "does not pass: 404"),
        (format!("/in/line-1/{secret}"), 2, "`/hooks/in/`"),
    ] {
        let body = r#"{"event":"ticket.created","data":{"id":7}}"#;
        let length = body.len();
        let request = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}");
        write(folder.path(), "request.http", &request);
        let output = run(&["verify", "request.http", "--config", "forebay.yaml"], folder.path());
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{path}: {printed}");
        assert!(printed.contains(words), "{path}: {printed}");
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_in_the_environment_that_is_not_used_is_named_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, admin) = (free_port(), free_port());
    let config = format!(
        "admin: {{ listen: \"127.0.0.1:{admin}\" }}\ningest: {{ listen: \"127.0.0.1:{port}\" }}\n{SOURCES}\
         endpoints:\n  - id: crm\n    url: https://crm.example/hooks\n    secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]\n"
    );
    write(folder.path(), "forebay.yaml", &config);
    let log = folder.path().join("dev.log");
    let child = command(&["dev", "--config", "forebay.yaml"], folder.path())
        .env("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("the program starts");
    let child = RefCell::new(child);
    let warned = eventually("a warning", Duration::from_secs(30), async || {
        let logs = std::fs::read_to_string(&log).unwrap_or_default();
        let warned = logs.contains("HTTPS_PROXY is set and is not used");
        let ended = child.borrow_mut().try_wait().expect("the child's state").is_some();
        (warned || ended).then_some((warned, logs))
    })
    .await;
    let mut child = child.into_inner();
    child.kill().expect("it runs");
    child.wait().expect("its end");
    assert!(warned.0 && !warned.1.contains("hunter2"), "{}", warned.1);
}
