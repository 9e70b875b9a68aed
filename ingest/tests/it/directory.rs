//! Sources that change while webhooks come in.

use std::sync::Arc;
use std::time::Duration;

use ingest::Config;

use crate::room::{Room, signed, sources};

#[tokio::test]
async fn a_removed_source_is_404_at_once_and_its_metrics_go_within_minutes() {
    let room = Room::start(Config::default()).await;
    room.exchange(signed("chatwoot", "{}")).await.assert_accepted();
    room.exchange(signed("open", "{}")).await.assert_accepted();
    let others = sources().into_iter().filter(|source| source.id.as_str() != "chatwoot");
    room.directory.set(others.map(Arc::new));
    let reply = room.exchange(signed("chatwoot", "{}")).await;
    reply.assert_refused(404, "ingest URL");

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    room.exchange(signed("open", "{}")).await.assert_accepted();
    let metrics = room.metrics();
    assert!(!metrics.contains("source=\"chatwoot\""), "{metrics}");
    for line in [
        r#"forebay_ingest_received_total{source="open"} 2"#,
        r#"forebay_ingest_received_total{source="(unknown)"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    room.directory.set(sources().into_iter().map(Arc::new));
    room.exchange(signed("chatwoot", "{}")).await.assert_accepted();
    let line = r#"forebay_ingest_received_total{source="chatwoot"} 1"#;
    assert!(room.metrics().contains(line), "it counts anew");
}
