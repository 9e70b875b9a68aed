//! Each silence has its line, and what is right has none.

use std::path::PathBuf;

use super::*;
use crate::config::DEV;
use crate::config::tests::Given;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn loaded(text: &str, properties: &[(&str, &str)]) -> Loaded {
    let properties = properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables = Given(properties.collect());
    let examined = Loaded::examine(text.as_bytes(), "f.yaml".to_owned(), PathBuf::new(), &variables, &[]);
    examined.into_result().expect("a valid configuration")
}

fn warnings(text: &str) -> Vec<String> {
    loaded(text, &[])
        .warnings(&[])
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn what_the_program_ships_gives_no_warning() {
    let secrets = [
        (
            "DATABASE_URL",
            "postgres://forebay:of-the-database@db.example.com/forebay",
        ),
        ("DATABASE_PASSWORD", "of-the-database"),
        ("CHATWOOT_SECRET", "of-chatwoot-of-chatwoot"),
        ("DIGISAC_URL_SECRET", "of-digisac-of-digisac"),
        ("BAILEYS_TOKEN", "of-baileys-of-baileys"),
        ("BAILEYS_URL_SECRET", "another-secret-for-the-path"),
        ("VERIFY_TOKEN", "of-the-verification"),
        ("BILLING_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("CRM_SECRET", "whsec_Zm9yZWJheS1kZXYtc3RhbmRhcmQta2V5LTAx"),
        ("SENDER_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("RECEIVER_SECRET", "whsec_Zm9yZWJheS1kZXYtc3RhbmRhcmQta2V5LTAx"),
    ];
    for (name, text) in [
        ("example", include_str!("../../../forebay.example.yaml")),
        ("compose", include_str!("../../../deploy/compose/forebay.yaml")),
        ("dev", DEV),
    ] {
        assert_eq!(loaded(text, &secrets).warnings(&[]), [], "{name}");
    }
}

/// One source and one endpoint, with these lines in them and after them.
fn with(source: &str, endpoint: &str, rest: &str) -> String {
    format!(
        "sources:\n  - {{ id: a, platform: chatwoot, secrets: [chatwoot-secret-1]{source} }}\nendpoints:\n  - {{ id: crm, url: \
         \"https://example.com/\", secrets: [{KEY}]{endpoint} }}\nsinks: {{ http: {{}} }}\n{rest}"
    )
}

#[test]
fn each_silence_has_its_line() {
    assert_eq!(warnings(&with("", "", "")), [""; 0], "the bottom line");
    for (source, endpoint, rest, expected) in [
        (
            "",
            ", events: [message.created, tickets.*]",
            "",
            "f.yaml:4:122: warning: endpoint `crm`: `events[1]` is `tickets.*`: nothing that these sources send matches it; did you \
             mean `ticket.*`?",
        ),
        ("", ", events: [message.craeted]", "", "did you mean `message.created`?"),
        ("", ", events: [message]", "", "did you mean `message.*`?"),
        (
            "",
            ", events: [github.*]",
            "",
            "`events[0]` is `github.*`: nothing that these sources send",
        ),
        (
            "",
            ", tenant: acme",
            "",
            "endpoint `crm`: `tenant` is `acme`, which no source has, so it never gets anything; the tenants of the sources are `default`",
        ),
        (
            ", verify_token: changeme",
            "",
            "",
            "source `a`: `verify_token` is what examples write",
        ),
        (
            ", utc_offset: \"-03:00\"",
            "",
            "",
            "source `a`: `utc_offset` counts for nothing: the times of chatwoot name their zone",
        ),
        (
            ", url_secrets: [your-secret]",
            "",
            "",
            "source `a`: `url_secrets[0]` is what examples write",
        ),
        (
            "",
            ", timeout_ms: 100",
            "",
            "`timeout_ms` is 100, less than `sinks.http.connect_timeout_ms` (3000)",
        ),
        (
            "",
            ", enabled: false",
            "",
            "f.yaml:5:16: warning: `sinks.http` posts nothing: every endpoint is switched off",
        ),
        (
            "",
            "",
            "logging: { filter: \"info,procesor=debug\" }\n",
            "did you mean `processor`?",
        ),
        (
            "",
            "",
            "ingest: { max_body_bytes: 5000000 }\n",
            "`ingest.max_body_bytes` is 5000000, more than",
        ),
        (
            ", max_body_bytes: 5000000",
            "",
            "",
            "source `a`: `max_body_bytes` is 5000000, more than",
        ),
        (
            "",
            "",
            "processor: { revoke_ms: 6000 }\n",
            "f.yaml:6:25: warning: `processor.revoke_ms` is 6000",
        ),
        (
            "",
            "",
            "event_log: { canary_seconds: 0, kafka: { brokers: \"a:9092\" } }\nstore: { sqlite: { path: a } }\n",
            "`event_log.canary_seconds` is 0",
        ),
        (
            "",
            "",
            "event_log: { kafka: { brokers: a } }\nstore: { sqlite: { path: a } }\n",
            "`event_log.kafka.brokers` names no port for `a`, so 9092 is taken",
        ),
        (
            "",
            "",
            "event_log: { kafka: { brokers: \"a:9092\", properties: { sasl.mechanism: PLAIN } } }\nstore: { sqlite: { path: a } }\n",
            "`event_log.kafka.properties.sasl.mechanism` counts for nothing: set `security.protocol`",
        ),
        (
            "",
            "",
            "event_log: { kafka: { brokers: \"a:9092\" } }\n",
            "f.yaml:5:16: warning: `sinks.http` keeps deliveries that wait in memory",
        ),
        (
            "",
            "",
            "store: { postgres: { url: \"postgres://h\" } }\n",
            "f.yaml:6:27: warning: `store.postgres.url` names no database",
        ),
    ] {
        let found = warnings(&with(source, endpoint, rest));
        assert!(
            matches!(&found[..], [line] if line.contains(expected)),
            "{expected}\ninstead of\n{found:#?}"
        );
    }
}

#[test]
fn what_a_sender_may_name_itself_is_not_warned_of() {
    let of = |platform: &str, secret: &str, pattern: &str| {
        let text = with("", &format!(", events: [\"{pattern}\"]"), "");
        let text = text.replace("platform: chatwoot", &format!("platform: {platform}"));
        warnings(&text.replace("chatwoot-secret-1", secret))
    };
    let other = "whsec_Zm9yZWJheS1kZXYtc3RhbmRhcmQta2V5LTAx";
    for (platform, secret, pattern) in [
        ("standard", other, "invoice.paid"),
        ("standard", other, "tickets.*"),
        ("standard", other, "contract.*"),
        ("standard", other, "message.*"),
        ("github", "github-secret-1", "github.push"),
        ("github", "github-secret-1", "github.*"),
        ("github", "github-secret-1", "*"),
        ("chatwoot", "chatwoot-secret-1", "group.participants.*"),
    ] {
        assert_eq!(of(platform, secret, pattern), [""; 0], "{platform} {pattern}");
    }
    for (pattern, meant) in [
        ("message.craeted", "message.created"),
        ("mesage.created", "message.created"),
        ("mesage.*", "message.*"),
        ("tikcet.*", "ticket.*"),
    ] {
        let found = of("standard", other, pattern);
        assert!(
            matches!(&found[..], [line] if line.ends_with(&format!("did you mean `{meant}`?"))),
            "{pattern}: {found:?}"
        );
    }
}

#[test]
fn empty_sections_twins_and_shared_secrets_are_warned_of() {
    for (text, expected) in [
        (
            "",
            &["f.yaml: warning: `sources` is empty: every webhook is answered 404"][..],
        ),
        (
            "event_log: { journal: {} }\nsinks: {}\n",
            &["`sinks` names no sink", "`sources` is empty"],
        ),
        (
            "sources:\n  - { id: a, platform: chatwoot, secrets: [chatwoot-secret-1] }\n  - { id: A, platform: digisac, secrets: \
             [chatwoot-secret-1] }\nsinks: { http: {} }\n",
            &[
                "f.yaml:3:11: warning: source `A`: `id` differs from `a` in upper and lower case only",
                "source `A`: `secrets[0]` is also that of source `a`",
                "`sinks.http` posts nothing: no endpoint is named",
            ],
        ),
    ] {
        let found = warnings(text);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for expected in expected {
            assert!(
                found.iter().any(|line| line.contains(expected)),
                "{expected}: {found:#?}"
            );
        }
        assert!(!format!("{found:?}").contains("chatwoot-secret"), "no secret is shown");
    }
    let without = with("", "", "").replace("sinks: { http: {} }", "sinks: { topic: {} }");
    let found = warnings(&without);
    assert!(
        matches!(&found[..], [line] if line.contains("write `http: {}` under `sinks`")),
        "{found:?}"
    );
}

#[test]
fn what_follows_from_a_mistake_is_not_warned_of() {
    let right = with("", "", "");
    for (written, wrong) in [
        (right.as_str(), "sources\n"),
        ("sinks: { http: {} }", "sinks: [http]"),
        (", url: \"https://example.com/\"", ""),
    ] {
        let text = right.replace(written, wrong);
        let none = Given(HashMap::new());
        let examined = Loaded::examine(text.as_bytes(), "f.yaml".to_owned(), PathBuf::new(), &none, &[]);
        assert!(!examined.mistakes.is_empty(), "{text}");
        let found = examined.loaded.expect("the rest of it").warnings(&[]);
        assert_eq!(found, [], "{text}");
    }
}

#[test]
fn a_line_is_taken_apart_into_place_key_and_message() {
    let finding = Finding::parse("a.yaml:3:15: source `x`: `secrets[0]` is empty", "a.yaml");
    assert_eq!(
        (
            finding.file.as_deref(),
            finding.line,
            finding.column,
            finding.key.as_deref()
        ),
        (Some("a.yaml"), Some(3), Some(15), Some("secrets[0]"))
    );
    assert_eq!(finding.message, "source `x`: `secrets[0]` is empty");
    let finding = Finding::parse("a.yaml: `sinks` names no sink", "a.yaml");
    assert_eq!((finding.file.as_deref(), finding.line), (Some("a.yaml"), None));
    let finding = Finding::parse("no answer from 127.0.0.1:9092: refused", "a.yaml");
    assert_eq!(
        (finding.file, finding.message.as_str()),
        (None, "no answer from 127.0.0.1:9092: refused")
    );
}

#[test]
fn a_source_and_an_endpoint_of_one_id_may_share_their_secret() {
    let text = |endpoint: &str| {
        format!(
            "sources: [{{ id: helm-test, platform: standard, secrets: [{KEY}] }}]\nsinks: {{ http: {{}} }}\n\
             endpoints: [{{ id: {endpoint}, url: 'https://e.example/', secrets: [{KEY}] }}]\n"
        )
    };
    assert_eq!(warnings(&text("helm-test")), Vec::<String>::new());
    assert!(warnings(&text("another"))[0].contains("is also that of source `helm-test`"));
}
