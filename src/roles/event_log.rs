//! The event log of a process: waited for at the start, checked for readiness.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use schemas::log::{EventLog, LogError, TopicSpec};
use schemas::name::TopicName;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Base;
use crate::admin::Check;

/// Makes the topics before anything else starts, or checks them beside everything else: a log that is away is waited for
/// while webhooks are answered 503, and one that is not as it should be ends the program.
pub(super) async fn prepare(base: &mut Base, make: bool) -> anyhow::Result<()> {
    if make {
        return wait(&base.log, &base.specs, true, &base.log_ready, &base.shutdown).await;
    }
    let (log, specs) = (Arc::clone(&base.log), base.specs.clone());
    let (ready, shutdown) = (base.log_ready.clone(), base.shutdown.clone());
    base.tasks
        .spawn(async move { wait(&log, &specs, false, &ready, &shutdown).await });
    Ok(())
}

/// Waits until the log is available and its topics are as specified.
async fn wait(
    log: &Arc<dyn EventLog>,
    specs: &[TopicSpec],
    make: bool,
    ready: &CancellationToken,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let mut reported = false;
    loop {
        let outcome = if make {
            log.ensure_topics(specs).await
        } else {
            log.check_topics(specs).await
        };
        match outcome {
            Ok(()) => {
                if reported {
                    info!("the event log is available");
                }
                ready.cancel();
                if !make {
                    remark(log, specs).await;
                }
                return Ok(());
            }
            Err(LogError::Unavailable(reason)) => {
                if !reported {
                    warn!(
                        error = reason,
                        "the event log is not available yet; trying again until it is"
                    );
                    reported = true;
                }
            }
            Err(error) => return Err(error).context("event log"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

/// Says what differs from the configuration, or cannot be seen, and can be worked with. No answer is none.
async fn remark(log: &Arc<dyn EventLog>, specs: &[TopicSpec]) {
    let states = log.compare_topics(specs).await.unwrap_or_default();
    for remark in states.iter().flat_map(|state| &state.remarks) {
        warn!("{remark}");
    }
}

/// Whether the log takes what a role writes to this topic.
pub(super) fn check(log: &Arc<dyn EventLog>, topic: &TopicName) -> Check {
    let (log, topic) = (Arc::clone(log), topic.clone());
    Box::new(move || {
        let (log, topic) = (Arc::clone(&log), topic.clone());
        Box::pin(async move { log.ready(&topic).await.map(|()| None).map_err(|e| e.to_string()) })
    })
}
