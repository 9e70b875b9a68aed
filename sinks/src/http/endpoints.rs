//! The endpoints, each with its slots, its rate, its health, its metrics. Slots belong to the endpoint and never to a common pool, so
//! that an endpoint that hangs holds up no other.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use net::client::{Client, Destination, SendError, Tokens};
use parking_lot::RwLock;
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::event::Event;
use schemas::name::{EventType, Tenant};
use schemas::setting::in_one_line;
use schemas::sink::Handling;
use schemas::throttle::LogThrottle;
use schemas::time::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::headers;
use super::index::Index;
use super::metrics::{EndpointMetrics, Metrics};
use super::rate::Rate;
use super::reach::{self, Files};

/// All enabled endpoints, ready for deliveries, kept in step with the directory.
#[derive(Debug)]
pub(super) struct Endpoints {
    directory: Arc<dyn EndpointDirectory>,
    client: Client,
    metrics: Metrics,
    current: RwLock<Arc<Snapshot>>,
}

/// The endpoints of one state of the directory.
#[derive(Debug)]
pub(super) struct Snapshot {
    endpoints: Arc<[Arc<Endpoint>]>,
    by_id: HashMap<String, Arc<ReadyEndpoint>>,
    by_tenant: HashMap<Tenant, Index>,
}

/// An endpoint with what is needed to deliver to it.
#[derive(Debug)]
pub(super) struct ReadyEndpoint {
    pub(super) endpoint: Arc<Endpoint>,
    /// The guard's first verdict on the URL.
    pub(super) destination: Result<Destination, SendError>,
    /// Where its tokens come from, if it wants one.
    pub(super) tokens: Option<Result<Tokens, SendError>>,
    /// The headers of every delivery.
    pub(super) headers: Result<HeaderMap, SendError>,
    handling: Arc<Handling>,
    slots: Arc<Slots>,
    /// Of the warning that its filter fails.
    undecided: LogThrottle,
}

/// What outlives a change of the endpoint's URL or secrets.
#[derive(Debug)]
struct Slots {
    concurrency: usize,
    semaphore: Semaphore,
    rate: Option<Rate>,
    metrics: Arc<EndpointMetrics>,
    health: Health,
    /// Attempts that have a slot and wait for a connection.
    unconnected: AtomicUsize,
    /// Attempts that have a slot and wait for a token.
    slowed: AtomicUsize,
    made: Instant,
}

impl Endpoints {
    pub(super) fn new(directory: Arc<dyn EndpointDirectory>, client: Client, metrics: Metrics) -> Self {
        let made = Self {
            directory,
            client,
            metrics,
            current: RwLock::new(Arc::new(Snapshot {
                endpoints: Arc::default(),
                by_id: HashMap::new(),
                by_tenant: HashMap::new(),
            })),
        };
        made.current();
        made
    }

    /// The endpoints of the directory as it is now.
    pub(super) fn current(&self) -> Arc<Snapshot> {
        let endpoints = self.directory.endpoints();
        {
            let current = self.current.read();
            if Arc::ptr_eq(&current.endpoints, &endpoints) {
                return Arc::clone(&current);
            }
        }
        let mut current = self.current.write();
        if !Arc::ptr_eq(&current.endpoints, &endpoints) {
            *current = Arc::new(self.follow(&current, endpoints));
        }
        Arc::clone(&current)
    }

    fn follow(&self, before: &Snapshot, endpoints: Arc<[Arc<Endpoint>]>) -> Snapshot {
        let mut by_id = HashMap::with_capacity(endpoints.len());
        let mut by_tenant: HashMap<Tenant, Index> = HashMap::new();
        let mut files = Files::default();
        for endpoint in endpoints.iter() {
            let id = endpoint.id.to_string();
            let ready = self.ready(before.by_id.get(&id), endpoint, &mut files);
            let of_tenant = by_tenant.entry(endpoint.tenant.clone()).or_default();
            of_tenant.add(Arc::clone(&ready));
            by_id.insert(id, ready);
        }
        for (_, ready) in before.by_id.iter().filter(|(id, _)| !by_id.contains_key(*id)) {
            ready.metrics().forget();
        }
        Snapshot {
            endpoints,
            by_id,
            by_tenant,
        }
    }

    fn ready(
        &self,
        before: Option<&Arc<ReadyEndpoint>>,
        endpoint: &Arc<Endpoint>,
        files: &mut Files,
    ) -> Arc<ReadyEndpoint> {
        if let Some(ready) = before.filter(|ready| Arc::ptr_eq(&ready.endpoint, endpoint)) {
            return Arc::clone(ready);
        }
        // No slots at all would mean to wait for ever.
        let concurrency = endpoint.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let same = |slots: &&Arc<Slots>| {
            slots.concurrency == concurrency && slots.rate.as_ref().map(Rate::limit) == endpoint.rate_limit
        };
        let slots = before.map(|ready| &ready.slots).filter(same);
        let slots = slots.cloned().unwrap_or_else(|| {
            // Attempts that began before the change are not counted against the new limit.
            Arc::new(Slots {
                concurrency,
                semaphore: Semaphore::new(concurrency),
                rate: endpoint.rate_limit.map(Rate::new),
                metrics: before.map_or_else(
                    || Arc::new(self.metrics.endpoint(&endpoint.id)),
                    |ready| Arc::clone(&ready.slots.metrics),
                ),
                health: Health::default(),
                unconnected: AtomicUsize::new(0),
                slowed: AtomicUsize::new(0),
                made: Instant::now(),
            })
        });
        Arc::new(ReadyEndpoint {
            endpoint: Arc::clone(endpoint),
            destination: self.destination(endpoint, files),
            tokens: reach::token_settings(endpoint).map(|settings| Tokens::new(self.client.clone(), settings?)),
            headers: headers::of_endpoint(endpoint),
            handling: Arc::new(Handling {
                ordered: endpoint.ordered,
                paused: endpoint.paused,
                slots: concurrency,
                attempt_max: endpoint.timeout,
                queue_max: endpoint.queue_max,
                schedule: endpoint.schedule.clone(),
            }),
            slots,
            undecided: LogThrottle::new(UNDECIDED_EVERY),
        })
    }

    /// Files that cannot be read now may be there once the endpoint is changed again: until then its deliveries fail.
    fn destination(&self, endpoint: &Endpoint, files: &mut Files) -> Result<Destination, SendError> {
        let options = files.options(&endpoint.connection);
        let options = options.map_err(|found| SendError::Tls(in_one_line(&found)))?;
        self.client.destination_with(&endpoint.url, &options)
    }
}

impl Snapshot {
    /// The endpoint `id`, if `tenant` has such an endpoint.
    pub(super) fn find(&self, id: &str, tenant: &Tenant) -> Option<&Arc<ReadyEndpoint>> {
        self.by_id.get(id).filter(|ready| ready.endpoint.tenant == *tenant)
    }

    /// The endpoints of `tenant` that want events of this type, whatever their filters say.
    pub(super) fn wanting(&self, tenant: &Tenant, event_type: &EventType) -> impl Iterator<Item = &Arc<ReadyEndpoint>> {
        let of_tenant = self.by_tenant.get(tenant).into_iter();
        of_tenant.flat_map(move |index| index.wanting(event_type))
    }

    /// How the deliveries of the endpoint `id` are handled, if there is one.
    pub(super) fn handling(&self, id: &str) -> Option<Arc<Handling>> {
        self.by_id.get(id).map(|ready| Arc::clone(&ready.handling))
    }
}

/// The right to one attempt, given back on drop.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    endpoint: &'a ReadyEndpoint,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.endpoint.slots.metrics.all.in_flight.dec();
    }
}

/// How often it is logged that a filter fails.
const UNDECIDED_EVERY: Duration = Duration::from_mins(1);

impl ReadyEndpoint {
    /// Whether its filter lets the event through. One that cannot be evaluated has not said "no".
    pub(super) fn lets_through(&self, event: &Event) -> bool {
        let Some(filter) = &self.endpoint.filter else {
            return true;
        };
        filter.matches(event).unwrap_or_else(|error| {
            if let Some(held_back) = self.undecided.allow(Timestamp::now()) {
                let (endpoint, event_id) = (&self.endpoint.id, event.id());
                tracing::warn!(%endpoint, %event_id, error, held_back, "the endpoint gets an event that its filter fails for");
            }
            true
        })
    }

    /// Waits for the endpoint's rate to allow an attempt. Dropping the wait takes nothing of it.
    pub(super) async fn turn(&self) {
        if let Some(rate) = &self.slots.rate {
            let _slowed = Counted::new(&self.slots.slowed);
            rate.take().await;
        }
    }

    /// Waits for a free slot: for as long as the endpoint takes deliveries, or its rate holds them up, but once none has got
    /// through for the time of one attempt, no longer than that. So the wait for a batch ends although an endpoint hangs.
    pub(super) async fn slot(&self) -> Option<Slot<'_>> {
        let patience = self.endpoint.timeout;
        let mut acquire = pin!(self.slots.semaphore.acquire());
        loop {
            match timeout(patience, acquire.as_mut()).await {
                Ok(permit) => {
                    let permit = permit.ok()?;
                    self.slots.metrics.all.in_flight.inc();
                    return Some(Slot {
                        endpoint: self,
                        _permit: permit,
                    });
                }
                Err(_) if self.slots.slowed.load(Ordering::Relaxed) > 0 => {}
                Err(_) if self.slots.health.delivered_within(patience, self.slots.now()) => {}
                Err(_) => return None,
            }
        }
    }

    /// Notes, until it is dropped, that an attempt with a slot waits for what this process lacks.
    pub(super) fn unconnected(&self) -> Counted<'_> {
        Counted::new(&self.slots.unconnected)
    }

    /// Whether such a one takes up a slot: then it is not the endpoint that keeps them busy.
    pub(super) fn is_unconnected(&self) -> bool {
        self.slots.unconnected.load(Ordering::Relaxed) > 0
    }

    pub(super) fn metrics(&self) -> &EndpointMetrics {
        &self.slots.metrics
    }

    /// Notes that the endpoint took a delivery.
    pub(super) fn delivered(&self) {
        self.slots.health.delivered(self.slots.now());
    }
}

/// An attempt that has a slot and waits for something else.
#[derive(Debug)]
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slots {
    /// Milliseconds since these slots were made; never 0, which means never.
    fn now(&self) -> u64 {
        millis(self.made.elapsed()) + 1
    }
}

/// When an endpoint last took a delivery. Times are those of [`Slots::now`].
#[derive(Debug, Default)]
struct Health {
    delivered: AtomicU64,
}

impl Health {
    fn delivered(&self, now: u64) {
        self.delivered.store(now, Ordering::Relaxed);
    }

    fn delivered_within(&self, time: Duration, now: u64) -> bool {
        let delivered = self.delivered.load(Ordering::Relaxed);
        delivered != 0 && now.saturating_sub(delivered) < millis(time)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_counts_as_alive_for_a_while_after_a_success() {
        let health = Health::default();
        let time = Duration::from_secs(5);
        assert!(!health.delivered_within(time, 1), "never yet");
        health.delivered(10);
        assert!(health.delivered_within(time, 5_009));
        assert!(!health.delivered_within(time, 5_010));
    }
}
