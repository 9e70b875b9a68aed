//! The example is complete, and what is wrong is named.

mod endpoints;

use super::*;

use std::collections::HashMap;

use settings::{Unavailable, Variables};

/// Variables of a test.
pub(super) struct Given(pub(super) HashMap<String, String>);

impl Variables for Given {
    fn value(&self, name: &str) -> Result<Option<String>, Unavailable> {
        Ok(self.0.get(name).cloned())
    }
}

fn parse(text: &str, file: &str, variables: HashMap<String, String>) -> Result<Config, ConfigError> {
    let examined = Loaded::examine(text.as_bytes(), file.to_owned(), PathBuf::new(), &Given(variables), &[]);
    examined.into_result().map(|loaded| loaded.config)
}

#[test]
fn the_example_is_valid_and_names_every_section() {
    let names = [
        "DATABASE_URL",
        "DATABASE_PASSWORD",
        "KAFKA_PASSWORD",
        "CHATWOOT_SECRET",
        "DIGISAC_URL_SECRET",
        "BAILEYS_TOKEN",
        "VERIFY_TOKEN",
        "BILLING_SECRET",
        "CRM_SECRET",
    ];
    let properties = names.map(|name| (name.to_owned(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()));
    let mut properties = HashMap::from(properties);
    properties.insert(
        "BAILEYS_URL_SECRET".to_owned(),
        "another-secret-for-the-path".to_owned(),
    );
    let text = include_str!("../../forebay.example.yaml");
    let config = parse(text, "forebay.example.yaml", properties).expect("the example is valid");
    let registry = config.registry().expect("its sources and their secrets are valid");
    assert_eq!(registry.sources().count(), 4, "one source per platform");
    for section in [
        "logging",
        "admin",
        "event_log",
        "ingest",
        "sources",
        "endpoints",
        "rules_file",
        "store",
        "processor",
        "sinks",
    ] {
        assert!(
            text.lines().any(|l| l.starts_with(&format!("{section}:"))),
            "the example lacks `{section}`"
        );
    }
}

#[test]
fn the_example_shows_every_key_and_what_it_has_in_comments_is_right() {
    let text = include_str!("../../forebay.example.yaml");
    for (open, close) in [
        ("", ""),
        ("logging: {", "}"),
        ("admin: {", "}"),
        ("event_log: {", "}"),
        ("event_log: { kafka: {", "} }"),
        ("event_log: { journal: {", "} }"),
        ("ingest: {", "}"),
        ("sources: [ {", "} ]"),
        ("endpoints: [ {", "} ]"),
        ("endpoints: [ { rate_limit: {", "} } ]"),
        ("endpoints: [ { retry: {", "} } ]"),
        ("endpoints: [ { auth: {", "} } ]"),
        ("endpoints: [ { auth: { basic: {", "} } } ]"),
        ("endpoints: [ { auth: { oauth2: {", "} } } ]"),
        ("endpoints: [ { client_certificate: {", "} } ]"),
        ("endpoints: [ { secrets: [ {", "} ] } ]"),
        ("processor: {", "}"),
        ("sinks: {", "}"),
        ("sinks: { postgres: {", "} }"),
        ("sinks: { sqlite: {", "} }"),
        ("sinks: { http: {", "} }"),
        ("sinks: { http: { retry: {", "} } }"),
        ("store: {", "}"),
        ("store: { postgres: {", "} }"),
        ("store: { sqlite: {", "} }"),
        ("store: { attempts: {", "} }"),
    ] {
        let error = parse(&format!("{open} nonsense: 1 {close}"), "f.yaml", HashMap::new()).expect_err(open);
        let error = error.to_string();
        let line = error
            .lines()
            .find(|line| line.contains("nonsense"))
            .expect("it names the key");
        let (_, keys) = line
            .split_once("there are ")
            .or_else(|| line.split_once("there is only "))
            .expect("it lists the keys");
        for key in keys.split(", ") {
            let shown = text.contains(&format!(" {key}:")) || text.contains(&format!("\n{key}:"));
            assert!(shown, "`{open} {key}` is not in the example");
        }
    }
    // One space after the sign is a setting; three are a choice that excludes the setting above.
    let uncommented: Vec<String> = text
        .lines()
        .map(|line| match line.trim_start().strip_prefix("# ") {
            Some(setting)
                if line.starts_with("  ")
                    && setting
                        .split_once(": ")
                        .is_some_and(|(key, _)| !key.contains([' ', '`'])) =>
            {
                line.replacen("# ", "", 1)
            }
            _ => line.to_owned(),
        })
        .collect();
    let properties = [
        "DATABASE_URL",
        "DATABASE_PASSWORD",
        "CHATWOOT_SECRET",
        "DIGISAC_URL_SECRET",
        "BAILEYS_TOKEN",
        "BAILEYS_URL_SECRET",
        "VERIFY_TOKEN",
        "BILLING_SECRET",
        "CRM_SECRET",
    ]
    .map(|name| (name.to_owned(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()));
    let config = parse(&uncommented.join("\n"), "uncommented", HashMap::from(properties)).expect("valid");
    assert_eq!(
        config.ingest.max_connections_per_ip,
        Some(256),
        "comments were taken away"
    );
    assert_eq!(
        config.processor,
        processor::Config::default(),
        "the defaults are those of the program"
    );
    assert_eq!(
        ingest::Config {
            listen: ingest::Config::default().listen,
            max_connections_per_ip: None,
            ..config.ingest
        },
        ingest::Config::default(),
        "the defaults are those of the program"
    );
}

#[test]
fn a_misspelt_key_is_named_with_its_place() {
    let error = parse("ingest:\n  listn: 127.0.0.1:80\n", "f.yaml", HashMap::new())
        .expect_err("a misspelt key")
        .to_string();
    assert!(error.starts_with("f.yaml:2:3: "), "{error}");
    assert!(error.contains("listn") && error.contains("listen"), "{error}");
}

#[test]
fn a_sink_has_its_own_settings_and_its_own_schedule() {
    let yaml = "processor: { retry_max_attempts: 3 }\nsinks:\n  http:\n    allowed_ports: [443]\n    retry:\n      steps: [5s, 5m]\n    pool_idle_seconds: 7\n  topic: { retry: { max_attempts: 9 } }\n  sqlite: { path: a }\n";
    let config = parse(yaml, "f.yaml", HashMap::new()).expect("valid");
    let http = config.sinks.http.as_ref().expect("a sink");
    assert_eq!((http.pool_idle_seconds, &http.allowed_ports[..]), (7, &[443][..]));
    let attempts = |name: &'static str| {
        let name = schemas::name::SinkName::new(name).expect("valid");
        let schedule = config.schedule_of(&name).expect("valid");
        schedule.max_attempts()
    };
    assert_eq!((attempts("http"), attempts("topic"), attempts("sqlite")), (3, 9, 3));
    assert_eq!(
        config
            .processor
            .schedule_of(&config.sinks.retry["http"])
            .expect("valid"),
        processor::Schedule::Steps([5, 300].map(std::time::Duration::from_secs).to_vec())
    );
    let error = parse("sinks: { http: {}, topic: }", "f.yaml", HashMap::new()).expect_err("an empty section");
    assert_eq!(
        error.to_string(),
        "f.yaml:1:20: `sinks.topic` is empty: write `topic: {}`, or take it out"
    );
}

#[test]
fn the_sink_http_goes_on_for_hours_unless_the_configuration_says_when() {
    let of = |yaml: &str, sink: &'static str| {
        let config = parse(yaml, "f.yaml", HashMap::new()).expect("valid");
        let name = schemas::name::SinkName::new(sink).expect("valid");
        config.schedule_of(&name).expect("valid")
    };
    let default = of("sinks: { http: {}, topic: {} }", "http");
    let hours = default.span().as_secs() / 3600;
    assert_eq!((default.max_attempts(), hours), (9, 4));
    let topic = of("sinks: { http: {}, topic: {} }", "topic");
    assert_eq!(topic, processor::Config::default().schedule());
    let said = of("processor: { retry_base_ms: 50 }\nsinks: { http: {} }", "http");
    assert_eq!(said.max_attempts(), 8);
    let error = parse(
        "{ event_log: { retention_hours: 3 }, sinks: { http: {} } }",
        "f.yaml",
        HashMap::new(),
    );
    let error = error.expect_err("kept for less than the waits").to_string();
    assert!(
        error.contains("`sinks.http.retry` tries a delivery again for 5 hours"),
        "{error}"
    );
}

#[test]
fn a_mistake_in_a_sink_or_its_schedule_is_named_with_its_place() {
    for (yaml, place, expected) in [
        (
            "sinks:\n  http:\n    retri: {}\n",
            "f.yaml:3:5: ",
            "`sinks.http.retri` is not a setting: did you mean `retry`? There are allowed_networks,",
        ),
        (
            "sinks:\n  http:\n    retry:\n      step: [5s]\n",
            "f.yaml:4:7: ",
            "`sinks.http.retry.step` is not a setting: did you mean `steps`? There are steps, base, factor, max, max_attempts",
        ),
        (
            "sinks:\n  http:\n    retry:\n      steps: [5s, 5x]\n",
            "f.yaml:4:19: ",
            "`5x` is not a span of time: write a number and a unit",
        ),
        (
            "sinks:\n  http:\n    pool_idle_seconds: x\n",
            "f.yaml:3:24: ",
            "give a whole number of seconds, as in 600 or 10m",
        ),
        (
            "sinks:\n  topic:\n    nonsense: 1\n",
            "f.yaml:3:5: ",
            "`sinks.topic.nonsense` is not a setting: there is only retry",
        ),
        (
            "store:\n  postgress: {}\n",
            "f.yaml:2:3: ",
            "`store.postgress` is not a setting: did you mean `postgres`? There are postgres, sqlite, attempts",
        ),
        (
            "sinks:\n  attempts: {}\n",
            "f.yaml:2:3: ",
            "; `attempts` belongs under `store`",
        ),
        (
            "event_log: { brokers: \"a:9092\" }",
            "f.yaml:1:14: ",
            "; `brokers` belongs under `event_log.kafka`",
        ),
        (
            "sinks: { endpoints: [] }",
            "f.yaml:1:10: ",
            "; `endpoints` belongs in no section, but at the beginning of a line",
        ),
    ] {
        let error = parse(yaml, "f.yaml", HashMap::new()).expect_err(yaml).to_string();
        assert!(error.starts_with(place) && error.contains(expected), "{yaml}: {error}");
    }
}

#[test]
fn a_mistake_in_the_store_is_named_with_its_place() {
    let kafka = "event_log: { kafka: { brokers: \"a:9092\" } }\n";
    for (yaml, expected) in [
        (
            "store:\n  postgres:\n    url: postgres://h/d\n    max_connections: 0\n",
            "f.yaml:4:22: `store.postgres.max_connections` is 0: give at least 1",
        ),
        (
            "store:\n  postgres:\n    max_connections: 2\n",
            "f.yaml:3:5: `store.postgres.url` is not set: write postgres://",
        ),
        (
            "store:\n  attempts: { retention_days: 0 }\n",
            "f.yaml:2:31: `store.attempts.retention_days` is 0: give 1 to",
        ),
        (
            "store: { sqlite: { path: a }, postgres: { url: postgres://h/d } }\n",
            "f.yaml:1:8: `store` names two databases: give `postgres` or `sqlite`, not both",
        ),
        (
            &format!("{kafka}store: {{ attempts: {{}} }}\n"),
            "f.yaml:2:8: `store` names no database: write `postgres: {",
        ),
    ] {
        let examined = Loaded::examine(
            yaml.as_bytes(),
            "f.yaml".to_owned(),
            PathBuf::new(),
            &Given(HashMap::new()),
            &[],
        );
        let loaded = examined.into_result().expect("of the right form");
        let found = loaded.config.check_all_but_of(&[]);
        let error = loaded.refuse(&found).to_string();
        assert!(error.starts_with(expected), "{yaml}: {error}");
    }
}

#[test]
fn values_that_cannot_be_run_with_are_named() {
    for (yaml, expected) in [
        (
            "admin: { listen: nonsense }",
            "`admin.listen` is `nonsense`: write address and port",
        ),
        (
            "ingest: { listen: ':8080' }",
            "`ingest.listen` is `:8080`: write address and port",
        ),
        ("ingest: { max_body_bytes: 0 }", "`ingest.max_body_bytes` is 0"),
        (
            "processor: { batch_max_records: 0 }",
            "`processor.batch_max_records` is 0",
        ),
        (
            "event_log: { partitions: 0 }",
            "`event_log.partitions` is 0: give 1 to 100000",
        ),
        ("event_log: { replication: 0 }", "`event_log.replication` is 0"),
        (
            "event_log: { retention_hours: 18446744073709551615 }",
            "`event_log.retention_hours` is ",
        ),
        (
            "event_log: { max_record_bytes: 4294967295 }",
            "`event_log.max_record_bytes` is 4294967295",
        ),
        (
            "event_log: { kafka: { brokers: a, max_record_bytes: 5000 } }",
            "set that",
        ),
        (
            "{ event_log: { retention_hours: 720 }, sinks: { postgres: { url: x } } }",
            "`sinks.postgres.receipt_retention_seconds` is 691200",
        ),
        (
            "event_log: { kafka: { brokers: a }, journal: { path: b } }",
            "names two logs",
        ),
        (
            "endpoints: [{ id: a, url: 'https://a.example/', secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw], events: 'a.b, a.c' }]",
            "`events` is not valid: `a.b, a.c` holds a comma: give each by itself",
        ),
        (
            "sinks: { http: { retry: { steps: [] } } }",
            "`sinks.http.retry.steps` has 0 waits: give 1 to 100",
        ),
        (
            "{ event_log: { retention_hours: 24 }, sinks: { http: { retry: { steps: [10h, 10h] } } } }",
            "`sinks.http.retry` tries a delivery again for 24 hours, but `event_log.retention_hours` is 24",
        ),
    ] {
        let error = parse(yaml, "f.yaml", HashMap::new()).expect_err(yaml).to_string();
        assert!(
            error.starts_with("f.yaml:1:") && error.contains(expected),
            "{yaml}: {error}"
        );
    }
}

#[test]
fn no_hours_of_retention_are_one_mistake() {
    let text = "{ event_log: { retention_hours: 0 }, sinks: { http: {} } }";
    let error = parse(text, "f.yaml", HashMap::new()).expect_err("nothing is kept");
    let error = error.to_string();
    assert!(error.contains("`event_log.retention_hours` is 0: give 1 to"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn what_a_setting_that_cannot_be_read_would_allow_is_not_refused_besides() {
    let text = "sinks: { http: { allowed_ports: ['8444'] } }\nendpoints:\n  - { id: a, url: 'https://a.example:8444/', secrets: \
                [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw] }\n";
    let error = parse(text, "f.yaml", HashMap::new()).expect_err("a number in quotes");
    let error = error.to_string();
    assert!(error.contains("write the number without quotes"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn everything_that_is_wrong_is_named_in_one_run_in_the_order_of_the_file() {
    let text = "\
admin:
  listen: nonsense
ingest: { max_in_flight: 0, max_connections: 0 }
sources:
  - id: a
    platform: chatwoot
    secrets: [sh0rt, a-long-enough-secret, '']
    auth: { scheme: hmac, hash: sha256, encoding: hex, header: x signature }
  - { id: b, platform: huggy, utc_offset: '-3', auth: { scheme: hmac, hash: sha1, encoding: hex, header: x, template: x } }
  - { id: a, platform: digisac, secrets: [a-long-enough-secret] }
endpoints:
  - id: crm
    url: http://127.0.0.1/hook
    secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]
  - id: crm
    url: nowhere
    secrets: []
event_log:
  partitions: 0
  kafka: { brokers: '', properties: { linger.ms: hunter2 } }
sinks:
  http: { connect_timeout_ms: 0 }
  postgres: { url: mysql://hunter2@localhost/d }
logging: { filter: 'a=b=c' }
";
    let error = parse(text, "f.yaml", HashMap::new())
        .expect_err("much is wrong")
        .to_string();
    let starts = [
        "f.yaml:2:11: `admin.listen` is `nonsense`: write address and port",
        "f.yaml:3:26: `ingest.max_in_flight` is 0",
        "f.yaml:3:46: `ingest.max_connections` is 0",
        "f.yaml:7:15: source `a`: `secrets[0]` is too short to sign with (5 bytes)",
        "f.yaml:7:44: source `a`: `secrets[2]` is empty",
        "f.yaml:8:64: source `a`: `auth.header` is `x signature`, which is not a name of an HTTP header",
        "f.yaml:9:5: source `b`: `secrets` is empty: give at least one",
        "f.yaml:9:43: source `b`: `utc_offset` is `-3`, which is not an offset such as `-03:00`",
        "f.yaml:9:119: source `b`: `auth.template` must hold `{body}`",
        "f.yaml:10:11: source `a`: `id` is taken by another one above",
        "f.yaml:13:10: endpoint `crm`: `url` cannot be posted to: `127.0.0.1` is blocked",
        "f.yaml:15:9: endpoint `crm`: `id` is taken by another one above",
        "f.yaml:16:10: endpoint `crm`: `url` is not a URL",
        "f.yaml:17:14: endpoint `crm`: `secrets` is empty: give at least one",
        "f.yaml:19:15: `event_log.partitions` is 0: give 1 to 100000",
        "f.yaml:22:31: `sinks.http.connect_timeout_ms` is 0",
        "f.yaml:23:20: `sinks.postgres.url` is not a connection URL",
        "f.yaml:24:20: `logging.filter` holds `b=c`, which is no level",
    ];
    let lines: Vec<&str> = error.lines().collect();
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\ninstead of\n{start}");
    }
    assert_eq!(lines.len(), starts.len(), "{error}");
    assert!(
        !error.contains("hunter2") && !error.contains("sh0rt") && !error.contains("a-long"),
        "{error}"
    );

    let kafka = text.replace("partitions: 0", "partitions: 1");
    let error = parse(&kafka, "f.yaml", HashMap::new())
        .expect_err("much is wrong")
        .to_string();
    for expected in [
        "f.yaml:20:21: `event_log.kafka.brokers` is empty",
        "f.yaml:20:50: `event_log.kafka.properties.linger.ms` has a value that librdkafka does not accept",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn mistakes_of_form_and_of_values_are_named_in_one_run_and_none_follows_from_another() {
    let text = "\
ingest: { listen: nonsense, max_body_bytes: lots }
sources:
  - { id: a, platform: chatwoot, secrt: [a-long-enough-secret] }
  - { id: b, platform: chatwo, secrets: [x] }
  - { id: c, platform: chatwoot, secrets: ${GONE} }
  - { id: d, platform: chatwoot, secrets: [sh0rt] }
  - { platform: chatwoot, secrets: [x] }
sinks: { postgres: 'postgres://me:hunter2@host/d', http: }
event_log: { partitions: 0 }
";
    let error = parse(text, "f.yaml", HashMap::new())
        .expect_err("much is wrong")
        .to_string();
    let starts = [
        "f.yaml:1:19: `ingest.listen` is `nonsense`",
        "f.yaml:1:45: `ingest.max_body_bytes` is `lots`: give a whole number of bytes",
        "f.yaml:3:34: source `a`: `secrt` is not a setting: did you mean `secrets`?",
        "f.yaml:4:24: source `b`: `platform` is `chatwo`: did you mean `chatwoot`?",
        "f.yaml:5:43: the environment variable `GONE` is not set",
        "f.yaml:6:44: source `d`: `secrets[0]` is too short",
        "f.yaml:7:5: `sources[4]` lacks `id`: add it",
        "f.yaml:8:20: `sinks.postgres` is not right: give keys and values",
        "f.yaml:8:52: `sinks.http` is empty: write `http: {}`",
        "f.yaml:9:26: `event_log.partitions` is 0",
    ];
    let lines: Vec<&str> = error.lines().collect();
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\ninstead of\n{start}");
    }
    assert_eq!(lines.len(), starts.len(), "{error}");
    assert!(!error.contains("hunter2") && !error.contains("sh0rt"), "{error}");
}

#[test]
fn what_a_variable_holds_is_not_in_what_a_check_says() {
    let variables = HashMap::from([("ADDRESS".to_owned(), "hunter2".to_owned())]);
    let error = parse("ingest: { listen: '${ADDRESS}' }", "f.yaml", variables).expect_err("no address");
    let error = error.to_string();
    assert!(
        error.starts_with("f.yaml:1:19: `ingest.listen` is `…`: write address and port"),
        "{error}"
    );
}

#[test]
fn a_secret_is_taken_to_the_byte_in_quotes_and_in_brackets() {
    let value = "a ${B} # \"c\": 'd'\n~";
    let variables = HashMap::from([("SECRET".to_owned(), value.to_owned())]);
    let text = "sources: [{ id: a, platform: chatwoot, secrets: [\"${SECRET}\", ${SECRET}], url_secrets: ${SECRET} }]";
    let config = parse(text, "f.yaml", variables).expect("it can be read");
    let source = &config.sources[0];
    for secret in source.secrets.iter().chain(&source.url_secrets) {
        assert_eq!(secret.expose(), value.as_bytes());
    }
    assert_eq!((source.secrets.len(), source.url_secrets.len()), (2, 1));
}
