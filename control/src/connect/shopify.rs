//! Shopify: `GET/POST /admin/api/{version}/webhooks.json`, `PUT …/webhooks/{id}.json` of the REST Admin API, which has one webhook
//! per topic. It signs with the app's client secret.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook;
use super::ingest_url::{self, Proof};
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: None,
    // Shopify answers a version that it has retired with its oldest one.
    prefix: "/admin/api/2025-10",
    credentials: Credentials::Header("x-shopify-access-token"),
    headers: &[],
    token: "give the Admin API access token of your app in that shop, with the scopes that the topics need, in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --api the shop, as in https://shop.myshopify.com?",
};

const LIMIT: usize = 250;
const MAX_PAGES: usize = 100;

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if !matches!(
        task.proof,
        Proof::Signature | Proof::UrlSecret | Proof::Query(_) | Proof::Open
    ) {
        return Err(task.unfit("leave `auth` out for its signature, or use url_secret"));
    }
    task.needs_https()?;
    let topics: BTreeSet<&str> = task.order.events.iter().map(String::as_str).collect();
    if topics.is_empty() {
        return Err(ConnectError::Order(
            "--events is missing: name the topics, as in orders/create,orders/updated; Shopify has no word for all"
                .to_owned(),
        ));
    }
    let there = list(api).await?;
    let ours: Vec<&Value> = there
        .iter()
        .filter(|webhook| task.ingest_url.is_led_to_by(hook::text(webhook, "address")))
        .collect();
    let (mut made, mut differences) = (Vec::new(), Vec::new());
    for topic in &topics {
        let webhook = json!({ "webhook": { "topic": topic, "address": task.ingest_url.url(), "format": "json" }});
        let Some(found) = ours.iter().find(|webhook| webhook["topic"] == **topic) else {
            api.change(Method::POST, "/webhooks.json", Body::Json(webhook)).await?;
            made.push((*topic).to_owned());
            continue;
        };
        let same = ingest_url::same_url(hook::text(found, "address"), task.ingest_url.url());
        if !same || found["format"] != "json" || task.order.force {
            let path = format!("/webhooks/{}.json", hook::id(found));
            api.change(Method::PUT, &path, Body::Json(webhook)).await?;
            differences.push(format!("{topic} leads elsewhere or is no JSON"));
        }
    }
    let mut remarks = Vec::new();
    let more: Vec<&str> = ours
        .iter()
        .map(|webhook| hook::text(webhook, "topic"))
        .filter(|topic| !topics.contains(topic))
        .collect();
    if !more.is_empty() {
        remarks.push(format!("also subscribed, and left as it is: {}", more.join(", ")));
    }
    let registration = if !made.is_empty() && ours.is_empty() {
        Registration::Created(format!("webhooks for {}", made.join(", ")))
    } else if made.is_empty() && differences.is_empty() {
        Registration::Unchanged(format!(
            "webhooks for {}",
            topics.into_iter().collect::<Vec<_>>().join(", ")
        ))
    } else {
        differences.extend(made.into_iter().map(|topic| format!("not subscribed to {topic}")));
        Registration::Updated {
            hook: "webhooks".to_owned(),
            differences,
        }
    };
    let report = task.report(registration).remarks(remarks);
    Ok(if task.proof == Proof::Signature {
        report.remark(format!(
            "Shopify signs with the client secret of the app: it must be in `secrets` of source `{}`",
            task.source.id
        ))
    } else {
        report
    })
}

async fn list(api: &mut Api<'_>) -> Result<Vec<Value>, ConnectError> {
    let mut all: Vec<Value> = Vec::new();
    let mut path = format!("/webhooks.json?limit={LIMIT}");
    for _ in 0..MAX_PAGES {
        let answer = api.read(&path).await?;
        let Some(webhooks) = answer["webhooks"].as_array() else {
            return Err(api.unreadable("GET webhooks.json", "it holds no list of webhooks"));
        };
        all.extend(webhooks.iter().cloned());
        match all.last() {
            Some(last) if webhooks.len() == LIMIT => {
                path = format!("/webhooks.json?limit={LIMIT}&since_id={}", hook::id(last));
            }
            _ => break,
        }
    }
    Ok(all)
}
