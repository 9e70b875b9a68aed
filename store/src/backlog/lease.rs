//! How long a claim is good without news from the database.
//!
//! The database compares its own times only, this process its own only. The deadline here is counted from before the question was
//! sent, so it passes before the lease ends there; and by a clock that goes on while the machine is suspended.

use std::time::Duration;

use parking_lot::Mutex;
use schemas::backlog::Standing;

/// The times of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How long a partition stays with its owner after a renewal.
    pub length: Duration,
    /// How often all claims of the process are renewed.
    pub renew_every: Duration,
    /// How much sooner than the database this process takes its claims for expired.
    pub margin: Duration,
}

impl Default for Lease {
    /// 15 s, renewed every 5 s, expired 2 s early.
    fn default() -> Self {
        Self {
            length: Duration::from_secs(15),
            renew_every: Duration::from_secs(5),
            margin: Duration::from_secs(2),
        }
    }
}

impl Lease {
    /// Returns when a claim expires whose claim or renewal was sent at that moment.
    pub(super) fn deadline(&self, sent: Duration) -> Duration {
        sent + self.length.saturating_sub(self.margin)
    }
}

/// Returns the time since the machine started, suspended or not.
pub(super) fn now() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Whether a claim is good, as far as this process knows.
#[derive(Debug)]
pub(super) struct Validity {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    deadline: Duration,
    /// When the last renewal failed, and why, if none succeeded since.
    failed: Option<(Duration, String)>,
    lost: bool,
}

impl Validity {
    pub(super) fn until(deadline: Duration) -> Self {
        let (failed, lost) = (None, false);
        Self {
            state: Mutex::new(State { deadline, failed, lost }),
        }
    }

    pub(super) fn renewed(&self, deadline: Duration) {
        let mut state = self.state.lock();
        state.deadline = state.deadline.max(deadline);
        state.failed = None;
    }

    pub(super) fn not_renewed(&self, at: Duration, reason: &str) {
        self.state.lock().failed = Some((at, reason.to_owned()));
    }

    /// For ever: a claim that is taken again is another claim.
    pub(super) fn lose(&self) {
        self.state.lock().lost = true;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state.lock().lost
    }

    /// What holds at `now`. That the database was away counts for no longer than a lease: whoever slept since does not know.
    pub(super) fn standing(&self, now: Duration, lease: &Lease) -> Standing {
        let state = self.state.lock();
        if state.lost {
            return Standing::Lost;
        }
        if now < state.deadline {
            return Standing::Held;
        }
        match &state.failed {
            Some((at, reason)) if now.saturating_sub(*at) < lease.length => Standing::Away(reason.clone()),
            _ => Standing::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_claim_expires_before_its_lease_ends_and_is_good_again_once_it_was_renewed() {
        let lease = Lease::default();
        let validity = Validity::until(lease.deadline(100 * SECOND));
        assert_eq!(validity.standing(112 * SECOND, &lease), Standing::Held);
        assert_eq!(validity.standing(113 * SECOND, &lease), Standing::Expired);
        validity.renewed(lease.deadline(114 * SECOND));
        assert_eq!(validity.standing(126 * SECOND, &lease), Standing::Held);
        validity.lose();
        assert_eq!(validity.standing(126 * SECOND, &lease), Standing::Lost);
        validity.renewed(lease.deadline(126 * SECOND));
        assert_eq!(
            validity.standing(126 * SECOND, &lease),
            Standing::Lost,
            "it never comes back"
        );
    }

    #[test]
    fn a_database_that_is_away_is_told_from_a_process_that_slept() {
        let lease = Lease::default();
        let validity = Validity::until(lease.deadline(100 * SECOND));
        validity.not_renewed(110 * SECOND, "refused");
        assert_eq!(
            validity.standing(112 * SECOND, &lease),
            Standing::Held,
            "no one else can have it yet"
        );
        assert_eq!(
            validity.standing(113 * SECOND, &lease),
            Standing::Away("refused".to_owned())
        );
        assert_eq!(
            validity.standing(125 * SECOND, &lease),
            Standing::Expired,
            "the failure is too old to tell"
        );
    }

    #[test]
    fn the_clock_runs() {
        let before = now();
        assert!(before > Duration::ZERO);
        assert!(now() >= before);
    }
}
