//! The store of deliveries that wait: whose database it is, and who gets it.

use serde_json::{Value, json};

use crate::helm::{Render, rendered};
use crate::objects::Rendering;
use crate::yaml;

/// The section `store` of the configuration of a component; null if it has none.
fn store(rendering: &Rendering, map: &str) -> Value {
    let configurations = rendering.configurations();
    let text = configurations.get(map).unwrap_or_else(|| panic!("no {map}"));
    yaml::document(text).expect("YAML")["store"].clone()
}

#[test]
fn by_default_it_is_in_the_database_of_the_sink() {
    let rendering = Render::defaults().expect();
    let expected = json!({"postgres": {"url": "${DATABASE_URL}"}});
    for map in ["forebay-worker-http", "forebay-migrate"] {
        assert_eq!(store(&rendering, map), expected, "{map}");
    }
}

#[test]
fn user_and_password_of_the_sink_come_with_its_url() {
    let rendering = Render::defaults()
        .with("config: {sinks: {postgres: {url: 'postgres://db/forebay', user: a, password: '${DATABASE_URL}', max_connections: 3}}}")
        .expect();
    let expected = json!({"postgres": {"url": "postgres://db/forebay", "user": "a", "password": "${DATABASE_URL}"}});
    assert_eq!(store(&rendering, "forebay-worker-http"), expected);
}

#[test]
fn what_it_says_itself_counts() {
    let sink = "sinks: {postgres: {url: 'postgres://db/forebay', user: a, password: '${DATABASE_URL}'}}";
    for (given, expected) in [
        (
            "{postgres: {user: b, max_connections: 8}, attempts: {retention_days: 3}}",
            json!({
                "postgres": {"url": "postgres://db/forebay", "user": "b", "password": "${DATABASE_URL}", "max_connections": 8},
                "attempts": {"retention_days": 3},
            }),
        ),
        (
            // With a URL of its own, nothing of the sink's.
            "{postgres: {url: 'postgres://other/backlog'}}",
            json!({"postgres": {"url": "postgres://other/backlog"}}),
        ),
    ] {
        let rendering = Render::defaults()
            .with(&format!("config: {{{sink}, store: {given}}}"))
            .expect();
        assert_eq!(store(&rendering, "forebay-worker-http"), expected, "{given}");
        assert_eq!(store(&rendering, "forebay-migrate"), expected, "{given}");
    }
}

#[test]
fn only_the_worker_of_http_and_the_migration_get_it() {
    let mut found = 0;
    for (set, rendering) in rendered() {
        for (map, text) in rendering.configurations() {
            let configuration = yaml::document(text).expect("YAML");
            let whole = map.contains("-migrate") || map.contains("-upkeep");
            let posts = map.contains("-worker-") && !configuration["sinks"]["http"].is_null();
            let meant = whole && !configuration["sinks"]["http"].is_null() || posts;
            assert_eq!(!configuration["store"].is_null(), meant, "{set}: {map}");
            found += usize::from(meant);
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn null_takes_it_out_and_the_notes_warn() {
    let render = Render::defaults().with("config: {store: null}");
    for map in ["forebay-worker-http", "forebay-migrate"] {
        assert_eq!(store(&render.clone().expect(), map), Value::Null, "{map}");
    }
    assert!(render.notes().contains("There is no `config.store`"));
    assert!(!Render::defaults().notes().contains("`config.store`"));
}

#[test]
fn without_the_sink_http_there_is_none_unless_it_is_asked_for() {
    let without = "workers: {http: null}, config: {sinks: {http: null}";
    let rendering = Render::defaults().with(&format!("{{{without}}}}}")).expect();
    assert_eq!(store(&rendering, "forebay-migrate"), Value::Null);
    let rendering = Render::defaults()
        .with(&format!(
            "{{{without}, store: {{postgres: {{url: 'postgres://db/b'}}}}}}}}"
        ))
        .expect();
    assert_eq!(
        store(&rendering, "forebay-migrate"),
        json!({"postgres": {"url": "postgres://db/b"}})
    );
    assert_eq!(store(&rendering, "forebay-worker-postgres"), Value::Null);
}
