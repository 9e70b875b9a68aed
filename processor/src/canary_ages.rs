//! The age of the newest canary per sink and partition, computed on each scrape, so that it grows even when a worker is
//! stuck.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use schemas::name::SinkName;

use crate::status::Status;

/// The workers whose canaries are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct CanaryAges(Arc<Mutex<Vec<Watched>>>);

#[derive(Debug, Clone)]
struct Watched {
    sink: String,
    status: Weak<Status>,
}

impl CanaryAges {
    pub(crate) fn watch(&self, sink: &SinkName, status: &Arc<Status>) {
        let mut watched = self.0.lock();
        watched.push(Watched {
            sink: sink.to_string(),
            status: Arc::downgrade(status),
        });
    }
}

impl Collector for CanaryAges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let watched = self.0.lock().clone();
        let mut family = encoder.encode_descriptor(
            "forebay_processor_canary_age_seconds",
            "Age of the newest canary record that this sink has seen of a partition",
            None,
            MetricType::Gauge,
        )?;
        for Watched { sink, status } in watched {
            let Some(status) = status.upgrade() else { continue };
            for (partition, age) in status.canary_ages() {
                let labels = [("sink", sink.clone()), ("partition", partition.index.to_string())];
                ConstGauge::new(age).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
