//! Each transition of the breaker, as a table of examples.

use std::time::Duration;

use super::world::{Answer, World};
use super::{Changed, Ended, Origin, State};

const FAILED: Ended = Ended::Failed { after: None };
/// A chance of one half leaves the pauses as they are.
const EVEN: f64 = 0.5;

/// A step of an example.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many attempts, one after the other.
    Made(u32, Ended),
    /// So many attempts begin.
    Begin(usize),
    /// The oldest attempt under way ends.
    Oldest(Ended),
    /// The newest.
    Newest(Ended),
    /// Milliseconds pass.
    Pass(u64),
    TryNow,
    /// None can begin: from the backlog it waits so many milliseconds, from the log it is parked.
    Refused(u64),
    /// None can begin from either, so many milliseconds.
    Paused(u64),
}

fn asked(seconds: u64) -> Ended {
    Ended::Failed {
        after: Some(Duration::from_secs(seconds)),
    }
}

fn play(steps: &[Step]) -> (State, Vec<Changed>) {
    let mut world = World::new(20);
    let mut changes = Vec::new();
    let takes = Duration::ZERO;
    for step in steps {
        match *step {
            Step::Made(times, ended) => {
                for _ in 0..times {
                    assert_eq!(
                        world.ask(Origin::Backlog, takes),
                        Answer::Go,
                        "at {step:?} of {steps:?}"
                    );
                    changes.extend(world.end(world.under_way.len() - 1, ended, EVEN));
                }
            }
            Step::Begin(times) => {
                for _ in 0..times {
                    assert_eq!(world.ask(Origin::Log, takes), Answer::Go, "at {step:?} of {steps:?}");
                }
            }
            Step::Oldest(ended) => changes.extend(world.end(0, ended, EVEN)),
            Step::Newest(ended) => changes.extend(world.end(world.under_way.len() - 1, ended, EVEN)),
            Step::Pass(time) => world.pass(Duration::from_millis(time)),
            Step::TryNow => world.health.try_now(world.now),
            Step::Refused(time) => {
                let until = Answer::Wait(Some(world.now + Duration::from_millis(time)));
                assert_eq!(world.ask(Origin::Backlog, takes), until, "at {step:?} of {steps:?}");
                assert_eq!(world.ask(Origin::Log, takes), Answer::Park, "at {step:?} of {steps:?}");
            }
            Step::Paused(time) => {
                let until = world.now + Duration::from_millis(time);
                assert_eq!(
                    world.ask(Origin::Backlog, takes),
                    Answer::Wait(Some(until)),
                    "at {step:?} of {steps:?}"
                );
                assert_eq!(
                    world.ask(Origin::Log, takes),
                    Answer::Wait(Some(until)),
                    "at {step:?} of {steps:?}"
                );
            }
        }
    }
    (world.state(), changes)
}

#[test]
fn each_transition_is_as_the_table_says() {
    use Changed::{Broken, Recovered};
    use Ended::{Delivered, NotTried};
    use Step::{Begin, Made, Newest, Oldest, Pass, Paused, Refused, TryNow};
    /// What is shown, the steps, the state after them, and what others learned.
    type Example<'a> = (&'a str, &'a [Step], State, &'a [Changed]);

    let table: &[Example] = &[
        ("new", &[], State::Closed, &[]),
        ("four failures in a row", &[Made(4, FAILED)], State::Closed, &[]),
        (
            "five in a row",
            &[Made(5, FAILED), Refused(5_000)],
            State::Open,
            &[Broken],
        ),
        (
            "a success between",
            &[Made(4, FAILED), Made(1, Delivered), Made(4, FAILED)],
            State::Closed,
            &[],
        ),
        (
            "what was not tried counts for nothing",
            &[Made(4, FAILED), Made(9, NotTried), Made(1, FAILED)],
            State::Open,
            &[Broken],
        ),
        (
            "15 of 20",
            &[
                Made(4, FAILED),
                Made(1, Delivered),
                Made(4, FAILED),
                Made(1, Delivered),
                Made(4, FAILED),
                Made(1, Delivered),
                Made(3, FAILED),
            ],
            State::Closed,
            &[],
        ),
        (
            "16 of 20",
            &[
                Made(4, FAILED),
                Made(1, Delivered),
                Made(4, FAILED),
                Made(1, Delivered),
                Made(4, FAILED),
                Made(1, Delivered),
                Made(4, FAILED),
            ],
            State::Open,
            &[Broken],
        ),
        (
            "one `Retry-After` spaces",
            &[
                Made(1, asked(600)),
                Paused(1_000),
                Pass(1_000),
                Begin(1),
                Newest(Delivered),
            ],
            State::Closed,
            &[],
        ),
        (
            "a short one is kept exactly",
            &[Begin(2), Pass(10), Oldest(FAILED), Oldest(asked(0)), Begin(1)],
            State::Closed,
            &[],
        ),
        (
            "what a failure in the row asked for is kept when it opens",
            &[
                Begin(5),
                Oldest(asked(600)),
                Oldest(FAILED),
                Oldest(FAILED),
                Oldest(FAILED),
                Oldest(FAILED),
                Refused(600_000),
            ],
            State::Open,
            &[Broken],
        ),
        (
            "a day at most",
            &[
                Begin(5),
                Oldest(FAILED),
                Oldest(FAILED),
                Oldest(FAILED),
                Oldest(FAILED),
                Oldest(asked(10_000_000)),
                Refused(86_400_000),
            ],
            State::Open,
            &[Broken],
        ),
        (
            "its time has come, nobody asks",
            &[Made(5, FAILED), Pass(5_000)],
            State::Open,
            &[Broken],
        ),
        (
            "a probe",
            &[Made(5, FAILED), Pass(5_000), Begin(1)],
            State::Probing,
            &[Broken],
        ),
        (
            "not tried, it is soon tried again",
            &[Made(5, FAILED), Pass(5_000), Made(1, NotTried), Refused(1_000)],
            State::Open,
            &[Broken],
        ),
        (
            "a probe fails",
            &[Made(5, FAILED), Pass(5_000), Made(1, FAILED), Refused(10_000)],
            State::Open,
            &[Broken],
        ),
        (
            "the pause doubles up to 5 min",
            &[
                Made(5, FAILED),
                Pass(5_000),
                Made(1, FAILED),
                Pass(10_000),
                Made(1, FAILED),
                Pass(20_000),
                Made(1, FAILED),
                Pass(40_000),
                Made(1, FAILED),
                Pass(80_000),
                Made(1, FAILED),
                Pass(160_000),
                Made(1, FAILED),
                Refused(300_000),
                Pass(300_000),
                Made(1, FAILED),
                Refused(300_000),
            ],
            State::Open,
            &[Broken],
        ),
        (
            "a probe is delivered",
            &[Made(5, FAILED), Pass(5_000), Made(1, Delivered)],
            State::Ramp,
            &[Broken, Recovered],
        ),
        (
            "told that it works",
            &[Made(5, FAILED), TryNow, Begin(1)],
            State::Probing,
            &[Broken],
        ),
        (
            "told so while it is closed",
            &[Made(4, FAILED), TryNow],
            State::Closed,
            &[],
        ),
        (
            "a late success",
            &[Begin(1), Made(5, FAILED), Refused(5_000), Oldest(Delivered), Begin(1)],
            State::Probing,
            &[Broken],
        ),
        (
            "a late failure while open",
            &[Begin(1), Made(5, FAILED), Oldest(FAILED), Refused(5_000)],
            State::Open,
            &[Broken],
        ),
        (
            "a late one asks for time",
            &[Begin(1), Made(5, FAILED), Oldest(asked(60)), Refused(60_000)],
            State::Open,
            &[Broken],
        ),
        (
            "late failures while probing, and the probe's success",
            &[
                Begin(6),
                Made(5, FAILED),
                Pass(5_000),
                Begin(1),
                Oldest(FAILED),
                Oldest(FAILED),
                Newest(Delivered),
            ],
            State::Ramp,
            &[Broken, Recovered],
        ),
        (
            "a late success while probing, and the probe's failure",
            &[
                Begin(1),
                Made(5, FAILED),
                Pass(5_000),
                Begin(1),
                Oldest(Delivered),
                Oldest(FAILED),
                Refused(10_000),
            ],
            State::Open,
            &[Broken],
        ),
        (
            "late failures in the ramp",
            &[
                Begin(4),
                Made(5, FAILED),
                Pass(5_000),
                Made(1, Delivered),
                Oldest(FAILED),
                Oldest(FAILED),
                Oldest(FAILED),
                Oldest(FAILED),
            ],
            State::Ramp,
            &[Broken, Recovered],
        ),
        (
            "three failures in a row in the ramp, and the pause goes on growing",
            &[
                Made(5, FAILED),
                Pass(5_000),
                Made(1, Delivered),
                Made(1, FAILED),
                Pass(1_000),
                Made(1, FAILED),
                Pass(1_000),
                Made(1, FAILED),
                Refused(10_000),
            ],
            State::Open,
            &[Broken, Recovered, Broken],
        ),
        (
            "each good second in the ramp takes one doubling back",
            &[
                Made(5, FAILED),
                Pass(5_000),
                Made(1, FAILED),
                Pass(10_000),
                Made(2, Delivered),
                Pass(1_000),
                Made(1, FAILED),
                Pass(1_000),
                Made(1, FAILED),
                Pass(1_000),
                Made(1, FAILED),
                Refused(10_000),
            ],
            State::Open,
            &[Broken, Recovered, Broken],
        ),
        (
            "two and a success",
            &[
                Made(5, FAILED),
                Pass(5_000),
                Made(1, Delivered),
                Made(1, FAILED),
                Pass(1_000),
                Made(1, FAILED),
                Pass(1_000),
                Made(1, Delivered),
            ],
            State::Ramp,
            &[Broken, Recovered],
        ),
        (
            "a minute without failure",
            &[Made(5, FAILED), Pass(5_000), Made(1, Delivered), Pass(60_000)],
            State::Closed,
            &[Broken, Recovered],
        ),
        (
            "not quite a minute",
            &[Made(5, FAILED), Pass(5_000), Made(1, Delivered), Pass(59_999)],
            State::Ramp,
            &[Broken, Recovered],
        ),
    ];
    for (what, steps, state, changes) in table {
        assert_eq!(play(steps), (*state, changes.to_vec()), "{what}");
    }
}
