//! The network to the services: cut, stalled, narrow.

use std::time::Duration;

use crate::trial::{Setup, Trial};
use harness::proxy::{Link, Proxy};

/// Less than the load needs.
const NARROW: Link = Link {
    delay: Duration::ZERO,
    bytes_per_second: Some(50_000),
};

#[derive(Debug, Clone, Copy)]
enum NetworkFault {
    Cut,
    /// Two sessions without an answer, and no connection that breaks.
    Stall,
    Narrow,
}

impl NetworkFault {
    const ALL: [Self; 3] = [Self::Cut, Self::Stall, Self::Narrow];

    fn apply(self, proxy: &Proxy) {
        match self {
            Self::Cut => proxy.cut(),
            Self::Stall => proxy.stall(),
            Self::Narrow => proxy.links(NARROW, NARROW),
        }
    }
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_fails_loses_and_doubles_nothing() {
    let setup = Setup {
        proxied_ingests: true,
        proxied_processors: true,
        ..Setup::default()
    };
    let mut trial = Trial::begin("network cut, stalled, narrow", setup).await;
    trial.load().await;
    while trial.goes_on(6) {
        let fault = NetworkFault::ALL[trial.acts / 2 % 3];
        let is_kafka = trial.acts.is_multiple_of(2);
        let proxies = || {
            let kafka = trial.kafka_proxies.iter().filter(|_| is_kafka);
            kafka.chain(Some(&trial.postgres_proxy).filter(|_| !is_kafka))
        };
        proxies().for_each(|proxy| fault.apply(proxy));
        trial.last(12).await;
        proxies().for_each(Proxy::open);
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(200, 1000)).await;
    }
    trial.finish().await;
}
