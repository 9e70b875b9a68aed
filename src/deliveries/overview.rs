//! How the endpoints are: what the configuration says of each, and what the store knows.

use std::collections::HashMap;

use anyhow::Context as _;
use schemas::backlog::Condition;
use schemas::name::Tenant;
use schemas::spec::EndpointSpec;
use schemas::time::Timestamp;
use store::attempts::Row;
use store::backlog::TargetRows;
use url::Url;

use super::{Kept, sink};

/// An endpoint.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) tenant: String,
    /// Host and, where it is said, port of its URL. The rest may be secret.
    pub(crate) host: String,
    pub(crate) state: State,
    /// What waits for it; `None` where there is no store to ask, or nothing waits.
    pub(crate) waiting: Option<TargetRows>,
    /// Its last attempt, if the log still has one.
    pub(crate) last: Option<Row>,
}

/// How an endpoint is. What keeps it from getting anything goes before what is less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// The configuration says `enabled: false`.
    NotEnabled,
    /// It gets no deliveries until it is enabled again.
    Disabled { since: Timestamp, reason: String },
    /// The configuration says `paused: true`.
    Paused,
    /// No delivery has gone through since then.
    Failing { since: Timestamp },
    /// Nothing is known against it.
    Active,
}

impl State {
    /// In one word, as programs read it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::NotEnabled => "not_enabled",
            Self::Disabled { .. } => "disabled",
            Self::Paused => "paused",
            Self::Failing { .. } => "failing",
            Self::Active => "active",
        }
    }

    fn of(spec: &EndpointSpec, condition: Option<&Condition>) -> Self {
        let disabled = condition.and_then(|condition| condition.disabled.as_ref());
        let failing = condition.and_then(|condition| condition.failing_since);
        match (disabled, failing) {
            _ if !spec.enabled => Self::NotEnabled,
            (Some(disabled), _) => Self::Disabled {
                since: disabled.at,
                reason: disabled.reason.clone(),
            },
            _ if spec.paused => Self::Paused,
            (None, Some(since)) => Self::Failing { since },
            (None, None) => Self::Active,
        }
    }
}

/// Returns a line for each endpoint, in the order of their ids. Without a store it is what the configuration says.
pub(crate) async fn overview(
    specs: &[EndpointSpec],
    tenant: Option<&Tenant>,
    kept: Option<&Kept>,
) -> anyhow::Result<Vec<Line>> {
    let sink = sink();
    let (mut conditions, mut rows) = (HashMap::new(), HashMap::new());
    if let Some(kept) = kept {
        let known = kept.backlog.conditions(&sink).await.context("store")?;
        conditions.extend(known.into_iter().map(|condition| (condition.target.clone(), condition)));
        let waiting = kept.backlog.targets(&sink).await.context("store")?;
        rows.extend(waiting.into_iter().map(|rows| (rows.target.clone(), rows)));
    }
    let mut lines = Vec::new();
    for spec in specs
        .iter()
        .filter(|spec| tenant.is_none_or(|tenant| spec.tenant == *tenant))
    {
        let id = spec.id.as_str();
        let last = match kept {
            Some(kept) => kept.attempts.newest_of_target(&sink, id, 1, false).await?.pop(),
            None => None,
        };
        lines.push(Line {
            id: id.to_owned(),
            tenant: spec.tenant.to_string(),
            host: host(&spec.url),
            state: State::of(spec, conditions.get(id)),
            waiting: rows.remove(id),
            last,
        });
    }
    lines.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(lines)
}

/// Host and port of a URL, as far as it says them.
pub(crate) fn host(url: &str) -> String {
    let host = |url: Url| {
        let host = url.host_str()?.to_owned();
        Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
    };
    Url::parse(url).ok().and_then(host).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use schemas::backlog::Disabled;
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn what_keeps_an_endpoint_from_getting_anything_is_said_first() {
        let time = Timestamp::parse("2026-03-10T13:36:50Z").expect("a time");
        let spec = |enabled: bool, paused: bool| -> EndpointSpec {
            let spec =
                json!({"id": "crm", "url": "https://x.example", "secrets": [], "enabled": enabled, "paused": paused});
            from_value(spec).expect("a spec")
        };
        let condition = |disabled: bool, failing: bool| Condition {
            target: "crm".to_owned(),
            failing_since: failing.then_some(time),
            disabled: disabled.then(|| Disabled {
                at: time,
                reason: "410".to_owned(),
            }),
            version: 1,
        };
        for (enabled, paused, disabled, failing, expected) in [
            (false, true, true, true, "not_enabled"),
            (true, true, true, true, "disabled"),
            (true, true, false, true, "paused"),
            (true, false, false, true, "failing"),
            (true, false, false, false, "active"),
        ] {
            let state = State::of(&spec(enabled, paused), Some(&condition(disabled, failing)));
            assert_eq!(state.as_str(), expected);
        }
        assert_eq!(State::of(&spec(true, false), None), State::Active);
    }

    #[test]
    fn of_a_url_only_the_host_is_shown() {
        assert_eq!(host("https://crm.example.com/hook?key=s3cret"), "crm.example.com");
        assert_eq!(host("http://127.0.0.1:9000/x"), "127.0.0.1:9000");
        assert_eq!(host("nonsense"), "");
    }
}
