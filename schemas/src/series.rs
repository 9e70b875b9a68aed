//! Bounds the time series of a metric whose label is a name that others choose: an endpoint, a target, a source.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The label under which everything is counted that has no series of its own. No id can be this.
pub const OTHER: &str = "(other)";

/// How long a name may go unused before another one may take its place.
pub const IDLE: Duration = Duration::from_hours(1);

/// How often the idle ones are looked for while all places are taken.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The names that have a series of their own: at most so many, those first that are used first.
#[derive(Debug)]
pub struct SeriesNames {
    max: usize,
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct Names {
    /// When each was last used.
    used: HashMap<String, Instant>,
    /// When the idle ones were last looked for.
    looked: Option<Instant>,
}

impl SeriesNames {
    /// At most `max` names; with 0 everything is counted under [`OTHER`].
    pub fn new(max: usize) -> Self {
        Self {
            max,
            names: Mutex::default(),
        }
    }

    /// Returns the label for `name`, which is used now: itself, or [`OTHER`] if all places are taken by names that were used
    /// within [`IDLE`]. `forget` is called with each name that loses its place; it removes that name's series.
    pub fn label<'n>(&self, name: &'n str, now: Instant, mut forget: impl FnMut(&str)) -> &'n str {
        let mut names = self.lock();
        if let Some(used) = names.used.get_mut(name) {
            *used = now;
            return name;
        }
        if names.used.len() >= self.max {
            if names
                .looked
                .is_some_and(|looked| now.duration_since(looked) < LOOK_EVERY)
            {
                return OTHER;
            }
            names.looked = Some(now);
            names.used.retain(|name, used| {
                let keep = now.duration_since(*used) < IDLE;
                if !keep {
                    forget(name);
                }
                keep
            });
            if names.used.len() >= self.max {
                return OTHER;
            }
        }
        names.used.insert(name.to_owned(), now);
        name
    }

    /// Gives up the place of a name that exists no more. Its series are the caller's to remove.
    pub fn remove(&self, name: &str) {
        self.lock().used.remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        // No change leaves it half done.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_names_have_a_series_and_an_idle_one_makes_room() {
        let names = SeriesNames::new(2);
        let begin = Instant::now();
        let mut forgotten = Vec::new();
        let mut label = |name: &'static str, seconds: u64| {
            let at = begin + Duration::from_secs(seconds);
            names.label(name, at, |name| forgotten.push(name.to_owned()))
        };
        assert_eq!(label("a", 0), "a");
        assert_eq!(label("b", 1), "b");
        assert_eq!(label("c", 2), OTHER);
        assert_eq!(label("b", 3_599), "b", "what has a series keeps it");
        assert_eq!(label("c", 3_601), "c", "a was idle for an hour");
        assert_eq!(label("a", 3_602), OTHER);
        assert_eq!(label("a", 3_603), OTHER);
        assert_eq!(forgotten, ["a"]);
        names.remove("b");
        let at = begin + Duration::from_secs(3_604);
        assert_eq!(names.label("d", at, |_| panic!("there is room")), "d");
    }

    #[test]
    fn without_places_everything_is_counted_together() {
        let names = SeriesNames::new(0);
        assert_eq!(names.label("a", Instant::now(), |_| panic!("nothing to forget")), OTHER);
    }
}
