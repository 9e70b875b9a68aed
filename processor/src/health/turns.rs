//! New deliveries and those of the backlog take turns when both ask: whoever went last leaves the next turn to the other, if
//! that one has asked and was told to wait.
//!
//! Whoever has asked need not come back, since its delivery may be gone. So a turn is kept for a moment only, counted from
//! when it could first have been taken, and then it is forgotten until it is asked for again.

use std::time::Duration;

use tokio::time::Instant;

use super::Origin;

/// How long a turn is kept for who asked for it: long enough to be woken, and short enough not to be felt.
const KEPT: Duration = Duration::from_millis(100);

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    last: Option<Origin>,
    log: Claim,
    backlog: Claim,
}

/// What one of the two has asked for.
#[derive(Debug, Default, Clone, Copy)]
enum Claim {
    /// It has not asked since its last turn.
    #[default]
    None,
    /// It was told to wait.
    Asked,
    /// The other was told to wait for it, until then.
    Kept(Instant),
}

impl Turns {
    /// It asked, and was told to wait.
    pub(super) fn ask(&mut self, origin: Origin) {
        *self.claim(origin) = Claim::Asked;
    }

    /// It could not take its turn if it had it.
    pub(super) fn withdraw(&mut self, origin: Origin) {
        *self.claim(origin) = Claim::None;
    }

    /// It has taken its turn.
    pub(super) fn took(&mut self, origin: Origin) {
        self.last = Some(origin);
        *self.claim(origin) = Claim::None;
    }

    /// Whether it is the turn of the other one, and until when that is kept.
    pub(super) fn of_the_other(&mut self, origin: Origin, now: Instant) -> Option<Instant> {
        if self.last != Some(origin) {
            return None;
        }
        let claim = self.claim(match origin {
            Origin::Log => Origin::Backlog,
            Origin::Backlog => Origin::Log,
        });
        let until = match *claim {
            Claim::None => return None,
            Claim::Asked => now + KEPT,
            Claim::Kept(until) => until,
        };
        *claim = if now < until { Claim::Kept(until) } else { Claim::None };
        (now < until).then_some(until)
    }

    fn claim(&mut self, origin: Origin) -> &mut Claim {
        match origin {
            Origin::Log => &mut self.log,
            Origin::Backlog => &mut self.backlog,
        }
    }
}
