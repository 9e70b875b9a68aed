//! `forebay sources` as people run it: nothing secret on the terminal, exit codes, the file for secrets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use schemas::endpoint::EndpointDirectory as _;
use schemas::source::SourceDirectory as _;

use harness::program::{stderr, stdout};

const TOKEN: &str = "token-of-the-operator-1";
const URL_SECRET: &str = "digisac-url-secret-1";
const MADE_THERE: &str = "secret-made-by-chatwoot";

const CONFIG: &str = "sources:
  - { id: sales, tenant: acme, platform: chatwoot, secrets: [chatwoot-secret-1] }
  - { id: line-2, platform: digisac, secrets: [digisac-url-secret-2] }
  - { id: line-1, platform: digisac, secrets: [digisac-url-secret-1] }
  - { id: meta, platform: whatsapp_cloud, secrets: [app-secret-1] }
  - { id: two, platform: baileys, secrets: [baileys-token-1], url_secrets: [path-secret-of-two] }
";

/// Runs `forebay sources` in a folder with that configuration; the token comes from the environment, as a variable or a
/// file.
fn sources(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    std::fs::write(folder.join("forebay.yaml"), CONFIG).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .arg("sources")
        .args(args)
        .current_dir(folder)
        .env_remove("FOREBAY_CONFIG")
        .env_remove("FOREBAY_PLATFORM_TOKEN")
        .env_remove("FOREBAY_PLATFORM_TOKEN_FILE")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let printed = format!("{}{}", stdout(&output), stderr(&output));
    for secret in [
        TOKEN,
        URL_SECRET,
        "digisac-url-secret-2",
        "chatwoot-secret-1",
        "app-secret-1",
        "baileys-token-1",
        "path-secret-of-two",
        MADE_THERE,
    ] {
        assert!(!printed.contains(secret), "{secret} is printed: {printed}");
    }
    output
}

/// Starts a Chatwoot with one account and the webhook created last; returns its address, and the methods of the
/// requests.
async fn chatwoot() -> (String, Arc<Mutex<Vec<String>>>) {
    let (made, seen) = (
        Arc::new(Mutex::new(None::<serde_json::Value>)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let log = Arc::clone(&seen);
    let handler = move |request: Request| {
        let (made, log) = (Arc::clone(&made), Arc::clone(&log));
        async move {
            log.lock().expect("no panic").push(request.method().to_string());
            if request
                .headers()
                .get("api_access_token")
                .is_none_or(|token| token != TOKEN)
            {
                return (
                    StatusCode::UNAUTHORIZED,
                    r#"{"error":"Invalid Access Token"}"#.to_owned(),
                );
            }
            if request.method() == "POST" {
                let body = axum::body::to_bytes(request.into_body(), 10_000).await.expect("a body");
                let mut webhook: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                webhook["id"] = 7.into();
                webhook["secret"] = MADE_THERE.into();
                *made.lock().expect("no panic") = Some(webhook.clone());
                return (
                    StatusCode::OK,
                    serde_json::json!({"payload": {"webhook": webhook}}).to_string(),
                );
            }
            let webhooks: Vec<serde_json::Value> = made.lock().expect("no panic").iter().cloned().collect();
            (
                StatusCode::OK,
                serde_json::json!({"payload": {"webhooks": webhooks}}).to_string(),
            )
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (format!("http://{address}"), seen)
}

#[test]
fn the_list_names_every_source_and_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = sources(folder.path(), &["list"], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows,
        [
            ["id", "tenant", "platform", "scheme", "path"],
            ["line-1", "default", "digisac", "url_secret", "/in/line-1/[redacted]"],
            ["line-2", "default", "digisac", "url_secret", "/in/line-2/[redacted]"],
            ["meta", "default", "whatsapp_cloud", "hmac", "/in/meta"],
            ["sales", "acme", "chatwoot", "hmac", "/in/sales"],
            ["two", "default", "baileys", "token+url_secret", "/in/two/[redacted]"],
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_shows_what_it_does_and_hands_the_secret_over_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (api, seen) = chatwoot().await;
    let secret = folder.path().join("chatwoot.secret");
    let connect = |more: &[&str], environment: &[(&str, &str)]| {
        let url = "https://hooks.example.com";
        let mut args = vec!["connect", "chatwoot", "--url", url, "--api", &api, "--account", "1"];
        args.extend(more);
        sources(folder.path(), &args, environment)
    };
    let token = [("FOREBAY_PLATFORM_TOKEN", TOKEN)];

    let output = connect(&["--dry-run", "--secret-out", "chatwoot.secret"], &token);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("not sent") && text.contains("would be created"), "{text}");
    assert!(
        text.contains("\"url\":\"https://hooks.example.com/in/sales\""),
        "{text}"
    );
    assert_eq!(std::mem::take(&mut *seen.lock().expect("no panic")), ["GET"]);
    assert!(!secret.exists(), "a dry run writes nothing");

    std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).expect("written");
    let output = connect(
        &["--secret-out", "chatwoot.secret"],
        &[("FOREBAY_PLATFORM_TOKEN_FILE", "token")],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("created: webhook 7 at chatwoot sends to https://hooks.example.com/in/sales"),
        "{text}"
    );
    assert!(text.contains("the signing secret is in chatwoot.secret"), "{text}");
    assert_eq!(
        std::fs::read_to_string(&secret).expect("the file"),
        format!("{MADE_THERE}\n")
    );
    assert_eq!(
        std::fs::metadata(&secret).expect("the file").permissions().mode() & 0o777,
        0o600
    );

    let output = connect(&[], &token);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("nothing to do") && text.contains("--secret-out FILE"),
        "{text}"
    );

    let output = connect(&[], &[("FOREBAY_PLATFORM_TOKEN", "another")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("Invalid Access Token"), "{}", stderr(&output));
}

#[test]
fn what_must_be_corrected_first_is_reported_with_the_exit_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = ["--url", "https://hooks.example.com"];
    for (args, expected) in [
        (["connect", "chatwoot"].as_slice(), "FOREBAY_PLATFORM_TOKEN"),
        (&["connect", "digisac"], "--api is missing"),
        (&["connect", "github"], "no source of the platform github"),
        (
            &["connect", "digisac", "--source", "sales"],
            "is of the platform chatwoot, not digisac",
        ),
        (&["connect", "digisac", "--source", "unknown"], "forebay sources list"),
        (
            &["connect", "chatwoot", "--secret-out", "no/such/folder/file"],
            "--secret-out",
        ),
        (&["connect", "chatwoot", "--ca-file", "none"], "--ca-file"),
    ] {
        let output = sources(folder.path(), &[args, &url].concat(), &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_platform_that_is_set_by_hand_gets_directions() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = sources(
        folder.path(),
        &["connect", "whatsapp_cloud", "--url", "https://hooks.example.com"],
        &[],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("Callback URL: https://hooks.example.com/in/meta"),
        "{text}"
    );
    assert!(text.contains("no `verify_token` yet"), "{text}");
}

/// `schemas::source::SourceDirectory` and `EndpointDirectory` promise it: what has not changed is the same `Arc`.
#[test]
fn the_registry_returns_the_same_source_and_the_same_endpoints_each_time() {
    let (sources, endpoints) = (
        serde_json::json!([{ "id": "line-1", "platform": "chatwoot", "secrets": ["chatwoot-secret-1"] }]),
        serde_json::json!([{
            "id": "crm", "url": "https://crm.example.com/", "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        }]),
    );
    let checks = control::Checks {
        source: &ingest::check_source,
        endpoint: &|_| Ok(()),
        filter: &|_| unreachable!("none has a filter"),
    };
    let registry = control::Registry::new(
        serde_json::from_value(sources).expect("sources"),
        serde_json::from_value(endpoints).expect("endpoints"),
        1 << 20,
        &checks,
    )
    .expect("nothing is wrong with it");
    let find = || registry.find("line-1").expect("registered");
    assert!(Arc::ptr_eq(&find(), &find()));
    assert!(Arc::ptr_eq(&registry.endpoints(), &registry.endpoints()));
    assert_eq!(registry.endpoints().len(), 1);
}
