//! What `forebay dev` remembers for its lines: deliveries that can be had again, requests that were refused, servers that are away.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use schemas::id::EventId;
use schemas::sink::{Delivery, Sink};

use super::forward::FORWARD;
use crate::refused::Keeper;

/// How many deliveries can be had again.
const KEPT: usize = 200;

#[derive(Debug)]
pub(super) struct State {
    pub(super) refused: Keeper,
    /// What the sink `http` said of attempts whose outcome is still to come.
    pub(super) attempts: HashMap<(String, EventId), (Option<StatusCode>, Duration)>,
    /// Where no server answers, which is said once.
    pub(super) away: HashSet<String>,
    kept: VecDeque<Kept>,
    /// The number of the last line of a delivery.
    number: u64,
}

/// A delivery that can be had again.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    number: u64,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) delivery: Delivery,
}

impl State {
    pub(super) fn new(data: &Path) -> Self {
        Self {
            refused: Keeper::new(data),
            attempts: HashMap::new(),
            away: HashSet::new(),
            kept: VecDeque::new(),
            number: 0,
        }
    }

    /// Remembers a delivery to an endpoint; returns its number.
    pub(super) fn keep(&mut self, sink: &Arc<dyn Sink>, delivery: &Delivery) -> Option<u64> {
        if !matches!(sink.name().as_str(), FORWARD | "http") {
            return None;
        }
        self.number += 1;
        self.kept.push_back(Kept {
            number: self.number,
            sink: Arc::clone(sink),
            delivery: delivery.clone(),
        });
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        Some(self.number)
    }

    /// The delivery with this number; without one, those of the last event, each target once.
    pub(super) fn chosen(&self, number: Option<u64>) -> Vec<Kept> {
        if let Some(number) = number {
            return self.kept.iter().filter(|kept| kept.number == number).cloned().collect();
        }
        let Some(last) = self.kept.back().map(|kept| kept.delivery.event.id()) else {
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let of_last = self.kept.iter().rev().filter(|kept| kept.delivery.event.id() == last);
        of_last
            .filter(|kept| seen.insert((kept.sink.name().clone(), kept.delivery.target.clone())))
            .cloned()
            .collect()
    }
}
