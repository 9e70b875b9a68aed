//! What every sink must do, as tests. A sink takes part by implementing [`Harness`] and one line:
//!
//! ```text
//! #[macro_use]
//! #[path = "../conformance/mod.rs"]
//! mod conformance;
//! sink_conformance!(open());                  // or, for one that keeps its progress with its data:
//! sink_conformance!(open(), keeps_progress);
//! ```
//!
//! `open()` is an expression of a future of a [`Harness`] on a destination of its own.

pub(crate) mod availability;
mod deliveries;
pub(crate) mod delivering;
pub(crate) mod order;
pub(crate) mod progress;
pub(crate) mod targets;

use schemas::BoxFuture;
use schemas::id::EventId;
use schemas::sink::{Delivery, Outcome, Sink, Target};

pub(crate) use deliveries::{Sample, batch, event_ids, progress_to, resend};

/// A sink under test, and what only the owner of its destination can do and see.
pub(crate) trait Harness: Send {
    /// The sink.
    fn sink(&self) -> &dyn Sink;

    /// What rules may write after the colon, each with the targets that it means: `None` for the sink's name alone. All
    /// targets that are named here take deliveries.
    fn arguments(&self) -> Vec<(Option<&'static str>, Vec<Target>)>;

    /// The ids of the events that have arrived at `target` and were accepted there, in the order of arrival; an event that
    /// arrived twice is listed twice.
    fn arrived<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<EventId>>;

    /// Whether a destination keeps an event once, however often it arrives. The others see the same id again.
    fn keeps_events_once(&self) -> bool;

    /// Whether the deliveries of a batch succeed or fail one by one. Otherwise a batch that meets with a passing failure
    /// is unavailable as a whole.
    fn delivers_one_by_one(&self) -> bool;

    /// Makes the destination fail for this delivery, in a way that passes, until [`restore`](Self::restore).
    fn fail<'a>(&'a mut self, delivery: &'a Delivery) -> BoxFuture<'a, ()>;

    /// Takes from the sink what every delivery needs, until [`restore`](Self::restore).
    fn cut(&mut self) -> BoxFuture<'_, ()>;

    /// Ends what [`fail`](Self::fail) and [`cut`](Self::cut) did.
    fn restore(&mut self) -> BoxFuture<'_, ()>;

    /// Makes of a delivery one that the sink can never deliver, of the same key and target.
    fn spoil(&self, delivery: &mut Delivery);
}

/// One `#[tokio::test]` per function of the suite. To be called in a module of its own.
macro_rules! sink_conformance {
    ($open:expr) => {
        sink_conformance! { @each $open; progress { no_progress_is_kept, } }
    };
    ($open:expr, keeps_progress) => {
        sink_conformance! { @each $open;
            progress {
                progress_is_stored_with_the_batch,
                a_batch_without_progress_stores_none,
                progress_never_goes_back,
                the_smaller_of_progress_and_the_first_undelivered_is_stored,
                progress_before_the_batch_is_stored_as_it_is,
            }
        }
    };
    (@each $open:expr; $($own:tt)*) => {
        sink_conformance! { @tests $open;
            delivering {
                what_is_delivered_has_arrived,
                the_same_delivery_twice_is_harmless,
                there_is_one_outcome_per_delivery_in_order,
                a_rejected_delivery_holds_no_other,
                a_batch_without_progress_is_delivered,
                a_dropped_batch_can_be_delivered_again,
            }
            order {
                each_key_arrives_in_order,
                what_fails_holds_the_rest_of_its_key_and_target_and_no_other,
            }
            availability {
                a_sink_is_ready_exactly_while_it_could_deliver,
                what_is_denied_has_not_arrived,
            }
            targets {
                each_target_is_named_once_and_takes_its_delivery,
                an_event_goes_to_each_of_its_targets,
            }
            $($own)*
        }
    };
    (@tests $open:expr; $($module:ident { $($test:ident,)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let mut harness = $open.await;
                Box::pin($crate::conformance::$module::$test(&mut harness)).await;
            }
        )*)*
    };
}

/// All targets of a sink that is tested, each once.
pub(crate) fn targets(harness: &impl Harness) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for target in harness.arguments().into_iter().flat_map(|(_, targets)| targets) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// One of them.
pub(crate) fn target(harness: &impl Harness) -> Target {
    targets(harness).into_iter().next().expect("a target")
}

/// Delivers, and returns the outcomes of a sink that is available.
pub(crate) async fn deliver(harness: &impl Harness, batch: &schemas::sink::Batch) -> Vec<Outcome> {
    harness.sink().deliver(batch).await.expect("an available sink")
}

pub(crate) fn all_delivered(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| *outcome == Outcome::Delivered)
}

/// What has arrived, each event where it arrived first.
pub(crate) async fn arrived_once(harness: &impl Harness, target: &Target) -> Vec<EventId> {
    let mut once = Vec::new();
    for id in harness.arrived(target).await {
        if !once.contains(&id) {
            once.push(id);
        }
    }
    once
}
