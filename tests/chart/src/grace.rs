//! Kubernetes gives each pod more time to end than its configuration takes.

use serde_json::Value;

use crate::helm::{Render, rendered};
use crate::objects::Rendering;
use crate::yaml;

/// Milliseconds of a setting: a number, or a text with a unit.
fn milliseconds(value: &Value, default: u64) -> u64 {
    let Some(text) = value.as_str() else {
        return value.as_u64().unwrap_or(default);
    };
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.trim().parse().unwrap_or_else(|_| panic!("no time: {text}"));
    number
        * match &text[digits.len()..] {
            "ms" | "" => 1,
            "s" => 1000,
            "m" => 60_000,
            other => panic!("no unit: {other}"),
        }
}

/// The time that a pod gets after its `preStop`, and the time that its configuration takes.
fn given_and_taken(rendering: &Rendering, deployment: &str) -> (u64, u64) {
    let pod = rendering.pod(deployment);
    let configuration = yaml::document(rendering.configurations()[deployment]).expect("YAML");
    let taken = if deployment.ends_with("-ingest") {
        let ingest = &configuration["ingest"];
        milliseconds(&ingest["shutdown_delay_ms"], 0) + milliseconds(&ingest["drain_timeout_ms"], 20_000)
    } else {
        // The sink http gives its part of the backlog back (1 s), and the last attempts are written (2 s).
        let store = if configuration["store"].is_null() { 0 } else { 3_000 };
        let processor = &configuration["processor"];
        milliseconds(&processor["drain_ms"], 10_000) + milliseconds(&processor["revoke_ms"], 4_000) + store
    };
    let sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        .as_u64()
        .unwrap_or(0);
    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("a grace period");
    (grace * 1000, taken + sleep * 1000)
}

fn hold(rendering: &Rendering, what: &str) {
    for deployment in rendering.kind("Deployment") {
        let name = deployment["metadata"]["name"].as_str().expect("a name");
        let (given, taken) = given_and_taken(rendering, name);
        assert!(given > taken, "{what}: {name}: {given} ms are given, {taken} ms taken");
    }
}

#[test]
fn the_grace_period_is_longer_than_the_drain() {
    hold(&Render::defaults().expect(), "defaults");
    for (set, rendering) in rendered() {
        hold(rendering, set);
    }
}

#[test]
fn the_grace_period_grows_with_the_drain() {
    for (config, deployment) in [
        ("{ingest: {drain_timeout_ms: 120000}}", "forebay-ingest"),
        ("{ingest: {drain_timeout_ms: 2m}}", "forebay-ingest"),
        ("{ingest: {shutdown_delay_ms: 90s}}", "forebay-ingest"),
        ("{processor: {drain_ms: 120000}}", "forebay-worker-postgres"),
        ("{processor: {drain_ms: 2m}}", "forebay-worker-http"),
    ] {
        let rendering = Render::defaults().with(&format!("{{config: {config}}}")).expect();
        hold(&rendering, config);
        let before = given_and_taken(&Render::defaults().expect(), deployment);
        assert!(given_and_taken(&rendering, deployment).0 > before.0, "{config}");
    }
}

#[test]
fn ingest_goes_on_accepting_until_balancers_know() {
    for (set, rendering) in rendered() {
        let Some(configuration) = rendering.configurations().get("forebay-ingest").copied() else {
            continue;
        };
        let configuration = yaml::document(configuration).expect("YAML");
        let delay = milliseconds(&configuration["ingest"]["shutdown_delay_ms"], 0);
        assert!(delay >= 3000, "{set}: {delay} ms");
    }
}
