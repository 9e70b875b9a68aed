//! Sources with two proofs, and where secrets come from, as the commands see them.

use std::process::Command;

use harness::program::{dev, run, stderr, stdout};
use harness::repository;
use harness::sender::Client;

const TWO_PROOFS: &str = "sources:
  - { id: wa, platform: baileys, secrets: [baileys-token-1], url_secrets: [the-newer-path-secret, the-older-path-secret] }
sinks: { sqlite: {} }
";

/// A source with two proofs: what `send` posts passes, what is forged does not, and `verify` says which of the two failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_with_two_proofs_is_sent_to_and_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (_role, base) = dev(folder.path(), &client, TWO_PROOFS).await;
    let args = ["send", "baileys", "--config", "forebay.yaml", "--url", &*base];
    let sent = run(&args, folder.path());
    assert!(sent.status.success(), "{}", stderr(&sent));
    let forged = run(&[&args[..], &["--forge"]].concat(), folder.path());
    let said = stdout(&forged);
    assert!(said.contains("401"), "the path is right, the token is not: {said}");

    let verify = |path: &str, token: &str| {
        let body = format!(r#"{{"event":"connection.update","webhookVerifyToken":"{token}","data":{{}}}}"#);
        let capture = serde_json::json!({ "path": path, "headers": {}, "body": body }).to_string();
        std::fs::write(folder.path().join("request.json"), capture).expect("written");
        let output = run(&["verify", "request.json", "--config", "forebay.yaml"], folder.path());
        let said = format!("{}{}", stdout(&output), stderr(&output));
        for secret in ["baileys-token-1", "path-secret", "guess"] {
            assert!(!said.contains(secret), "{secret} is printed: {said}");
        }
        said
    };
    for (path, token, expected) in [
        (
            "/in/wa/the-newer-path-secret",
            "baileys-token-1",
            "passes, with secret number 1, and in the path number 1 of `url_secrets`",
        ),
        (
            "/in/wa/the-older-path-secret",
            "baileys-token-1",
            "in the path number 2 of `url_secrets`",
        ),
        (
            "/in/wa/the-newer-path-secret",
            "guess-guess",
            "of the two proofs, the secret in the path is right: number 1",
        ),
        (
            "/in/wa/guess-guess",
            "baileys-token-1",
            "of the two proofs, the one that is not in the path is right: secret number 1",
        ),
        (
            "/in/wa",
            "baileys-token-1",
            "there is nothing after the source's id in the path",
        ),
        ("/in/wa/guess-guess", "guess-guess", "the other proof fails too"),
        (
            "/in/wa/baileys-token-1",
            "the-newer-path-secret",
            "it is secret number 1",
        ),
    ] {
        let said = verify(path, token);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(said.contains("active `url_secrets`: 2"), "{said}");
    }
}

#[test]
fn check_says_what_is_wrong_with_a_second_proof() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |source: &str| {
        let config = format!("sources:\n  - {{ id: a, {source} }}\nsinks: {{ sqlite: {{}} }}\n");
        std::fs::write(folder.path().join("forebay.yaml"), config).expect("written");
        run(&["check", "--config", "forebay.yaml"], folder.path())
    };
    let good = "platform: chatwoot, secrets: [chatwoot-secret-1], url_secrets: [the-path-secret, an-older-one]";
    let output = check(good);
    assert!(output.status.success(), "{}", stderr(&output));
    for (source, expected) in [
        (
            "platform: digisac, secrets: [digisac-secret-1], url_secrets: [the-path-secret]",
            "put all of them under `secrets`",
        ),
        (
            "platform: chatwoot, auth: { scheme: url_secret }, secrets: [digisac-secret-1], url_secrets: [the-path-secret]",
            "put all of them under `secrets`",
        ),
        (
            "platform: chatwoot, auth: { scheme: none }, url_secrets: [the-path-secret]",
            "say `auth: { scheme: url_secret }`",
        ),
        (
            "platform: chatwoot, url_secrets: [the-path-secret]",
            "source `a`: `secrets` is empty",
        ),
        (
            "platform: chatwoot, secrets: [chatwoot-secret-1], url_secrets: ['']",
            "`url_secrets[0]` is empty",
        ),
        (
            "platform: chatwoot, secrets: [chatwoot-secret-1], url_secrets: [sh0rt]",
            "too short to be safe from guessing (5 bytes)",
        ),
        (
            "platform: chatwoot, secrets: [chatwoot-secret-1], url_secrets: [the-path-secret, chatwoot-secret-1]",
            "`url_secrets[1]` is the same as `secrets[0]`",
        ),
        (
            "platform: chatwoot, secrets: [chatwoot-secret-1], url_secret: [the-path-secret]",
            "url_secrets",
        ),
    ] {
        let output = check(source);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{source}: {said}");
        assert!(
            said.contains(expected) && said.contains("forebay.yaml:2:"),
            "{expected}: {said}"
        );
        for secret in ["chatwoot-secret-1", "the-path-secret", "digisac-secret-1", "sh0rt"] {
            assert!(!said.contains(secret), "{secret} is printed: {said}");
        }
    }
}

#[test]
fn secrets_come_from_variables_and_from_the_files_that_variables_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let file = folder.path().join("mounted-secret");
    std::fs::write(&file, format!("{key}\n")).expect("written");
    let check = |name: &str, value: &str| {
        Command::new(env!("CARGO_BIN_EXE_forebay"))
            .args([
                "check",
                "--config",
                &repository().join("forebay.example.yaml").display().to_string(),
            ])
            .envs(["CHATWOOT_SECRET", "DIGISAC_URL_SECRET", "BAILEYS_TOKEN", "CRM_SECRET"].map(|n| (n, key)))
            .env("BAILEYS_URL_SECRET", "another-secret-for-the-path")
            .env("DATABASE_URL", "postgres://forebay@127.0.0.1/forebay")
            .env(name, value)
            .output()
            .expect("runs")
    };
    let output = check("BILLING_SECRET_FILE", &file.display().to_string());
    assert!(output.status.success(), "{}", stderr(&output));
    let output = check("BILLING_SECRET_FILE", "/nowhere/secret");
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("BILLING_SECRET_FILE") && message.contains("/nowhere/secret"),
        "{message}"
    );
    assert!(!message.contains(key), "{message}");
}
