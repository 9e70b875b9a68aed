//! What holds for every schedule of questions and outcomes. The world holds each answer against what must always hold.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::world::{Answer, BOTH, World};
use super::{Ended, Origin, State};

const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug, Clone)]
enum Step {
    Ask(Origin),
    End(Index, Ended, f64),
    Pass(u64),
    TryNow,
    Slots(usize),
}

fn ended() -> impl Strategy<Value = Ended> {
    prop_oneof![
        4 => Just(Ended::Failed { after: None }),
        1 => (0_u64..120).prop_map(|after| Ended::Failed { after: Some(Duration::from_secs(after)) }),
        4 => Just(Ended::Delivered),
        1 => Just(Ended::NotTried),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => select(&BOTH).prop_map(Step::Ask),
        5 => (any::<Index>(), ended(), 0.0..=1.0).prop_map(|(index, ended, random)| Step::End(index, ended, random)),
        2 => (0_u64..300).prop_map(Step::Pass),
        1 => (300_u64..20_000).prop_map(Step::Pass),
        1 => Just(Step::TryNow),
        1 => (1_usize..12).prop_map(Step::Slots),
    ]
}

/// A world in any state, with up to twelve attempts under way.
fn world() -> impl Strategy<Value = World> {
    (1_usize..12, prop::collection::vec(step(), 0..300)).prop_map(|(slots, steps)| {
        let mut world = World::new(slots);
        for step in steps {
            match step {
                Step::Ask(origin) => {
                    world.ask(origin, Duration::from_secs(15));
                }
                Step::End(index, ended, random) if !world.under_way.is_empty() => {
                    world.end(index.index(world.under_way.len()), ended, random);
                }
                Step::End(..) => {}
                Step::Pass(time) => world.pass(Duration::from_millis(time)),
                Step::TryNow => world.health.try_now(world.now),
                Step::Slots(slots) => world.slots = slots,
            }
        }
        world
    })
}

fn asking() -> impl Strategy<Value = Vec<Origin>> {
    select(vec![
        vec![Origin::Log],
        vec![Origin::Backlog],
        vec![Origin::Log, Origin::Backlog],
        vec![Origin::Backlog, Origin::Log],
    ])
}

fn takes() -> impl Strategy<Value = Duration> {
    select(vec![3_u64, 40, 300, 2_000]).prop_map(Duration::from_millis)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn from_any_state_it_closes_when_all_is_delivered_from_now_on(mut world in world(), asking in asking(), takes in takes()) {
        // The longest pause, or what was asked for at most; what is under way; and a minute.
        let bound = Duration::from_secs(375 + 15 + 60 + 5);
        world.drive(&asking, bound, takes, Ended::Delivered, |world| world.state() == State::Closed);
        prop_assert_eq!(world.state(), State::Closed);
    }

    #[test]
    fn from_any_state_every_slot_comes_back(mut world in world()) {
        while !world.under_way.is_empty() {
            world.end(0, Ended::NotTried, 0.5);
        }
        world.slots = 4;
        let closed = |world: &World| world.state() == State::Closed;
        world.drive(&BOTH, Duration::from_secs(500), Duration::from_millis(10), Ended::Delivered, closed);
        while !world.under_way.is_empty() {
            world.end(0, Ended::Delivered, 0.5);
        }
        let mut free = 0;
        for _ in 0..20 {
            // Longer than a turn is kept, or a `Retry-After` holds up others.
            world.pass(Duration::from_millis(1_100));
            free += usize::from(world.ask(Origin::Log, HOUR) == Answer::Go);
        }
        prop_assert_eq!(free, 4);
    }

    #[test]
    fn no_stampede_follows_a_recovery(mut world in world(), asking in asking(), takes in takes(), slots in 1_usize..500) {
        world.slots = slots;
        world.drive(&asking, Duration::from_mins(1), takes, Ended::Failed { after: None }, |world| world.state() == State::Open);
        prop_assume!(world.state() == State::Open);
        world.drive(&asking, Duration::from_secs(500), takes, Ended::Delivered, |world| world.state() == State::Ramp);
        prop_assume!(world.state() == State::Ramp);
        let from = world.now - world.start;
        world.begun.clear();
        world.drive(&asking, Duration::from_secs(7), takes, Ended::Delivered, |_| false);
        for second in 0..7_u32 {
            let within = |begun: &Duration| *begun >= from + Duration::from_secs(second.into()) && *begun < from + Duration::from_secs(u64::from(second) + 1);
            let begun = world.begun.iter().filter(|(begun, _)| within(begun)).count();
            let rate = 5 << second;
            // One more where an attempt is late by less than a moment, and 1 % where several are.
            prop_assert!(begun <= rate + usize::from(second > 0) + rate / 100, "{} in second {}", begun, second);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn from_any_state_both_make_progress_when_both_ask(mut world in world(), flip in any::<bool>(), takes in takes()) {
        let asking = if flip { [Origin::Log, Origin::Backlog] } else { [Origin::Backlog, Origin::Log] };
        world.drive(&asking, Duration::from_secs(500), takes, Ended::Delivered, |world| world.state() == State::Ramp);
        world.begun.clear();
        world.drive(&asking, Duration::from_secs(40), takes, Ended::Delivered, |_| false);
        let of_the_log = world.begun.iter().filter(|(_, origin)| *origin == Origin::Log).count();
        let of_the_backlog = world.begun.len() - of_the_log;
        // With three slots the backlog has one; and what began before may hold its slots for 15 s.
        prop_assert!(of_the_backlog * 4 >= of_the_log && of_the_log * 4 >= of_the_backlog && of_the_log > 0,
            "{} of the log, {} of the backlog", of_the_log, of_the_backlog);
    }

    #[test]
    fn a_target_that_fails_always_is_left_alone(mut world in world(), asking in asking(), takes in takes()) {
        let fails = Ended::Failed { after: None };
        // What is under way ends, and it opens; the first pauses are shorter.
        world.drive(&asking, HOUR, takes, fails, |_| false);
        world.begun.clear();
        world.drive(&asking, HOUR, takes, fails, |_| false);
        prop_assert!((11..=13).contains(&world.begun.len()), "{} attempts in an hour", world.begun.len());
    }

    #[test]
    fn in_its_first_hour_too(slots in 1_usize..30, asking in asking(), takes in takes()) {
        let mut world = World::new(slots);
        world.drive(&asking, HOUR, takes, Ended::Failed { after: None }, |_| false);
        // All slots and those that follow before five have failed, six short pauses, and eleven of five minutes.
        prop_assert!(world.begun.len() <= slots + 4 + 7 + 11, "{} attempts in an hour", world.begun.len());
    }
}
