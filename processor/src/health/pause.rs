//! How long a target is left alone: longer from failed probe to failed probe, and as long as it asked for.

use std::time::Duration;

use tokio::time::Instant;

/// The pause after it has opened the first time; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(5);
/// The longest pause, without what a target asks for.
const LONGEST: Duration = Duration::from_mins(5);
/// No `Retry-After` is followed for longer.
const LONGEST_ASKED: Duration = Duration::from_hours(24);
/// The longest that a single `Retry-After` holds up all other deliveries, while the target is not known to be broken.
const BREATH: Duration = Duration::from_secs(1);

/// When the next probe is due: `failed` is how many have failed before, `random` from 0 to 1 moves it by up to a quarter, so
/// that the probes of several processes do not come at once.
pub(super) fn until(failed: u32, asked: Option<Instant>, now: Instant, random: f64) -> Instant {
    let doubled = 2_u32.checked_pow(failed).and_then(|factor| FIRST.checked_mul(factor));
    let pause = doubled.map_or(LONGEST, |pause| pause.min(LONGEST));
    let own = now + pause.mul_f64(0.75 + 0.5 * random.clamp(0.0, 1.0));
    asked.map_or(own, |asked| asked.max(own))
}

/// The time that a `Retry-After` asks for, within bounds.
pub(super) fn asked(after: Duration, now: Instant) -> Instant {
    now + after.min(LONGEST_ASKED)
}

/// Until when nothing else begins after a single `Retry-After`: what it asks for, but only for a moment. It may be one customer's
/// or one moment's limit, and whether all must wait is for the next outcomes to say.
pub(super) fn breath(asked: Instant, now: Instant) -> Instant {
    asked.min(now + BREATH)
}
