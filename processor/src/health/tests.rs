//! What the table of transitions does not show: the pace of the ramp, the shares of the two origins, and what may be forgotten.

use std::time::Duration;

use super::world::{Answer, World};
use super::{Changed, Ended, Origin, State};

const FAILED: Ended = Ended::Failed { after: None };
/// A chance of one half leaves the pauses as they are.
const EVEN: f64 = 0.5;

/// A world whose target has just recovered.
fn recovered(slots: usize) -> World {
    let mut world = World::new(slots);
    for _ in 0..5 {
        assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Go);
        world.end(0, FAILED, EVEN);
    }
    world.pass(Duration::from_secs(5));
    assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Go);
    assert_eq!(world.end(0, Ended::Delivered, EVEN), Some(Changed::Recovered));
    world
}

#[test]
fn chance_moves_a_pause_by_a_quarter_at_most() {
    for (random, millis) in [(0.0, 3_750), (0.5, 5_000), (1.0, 6_250), (7.0, 6_250)] {
        let mut world = World::new(1);
        for _ in 0..5 {
            assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Go);
            world.end(0, FAILED, random);
        }
        let until = world.now + Duration::from_millis(millis);
        assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Wait(Some(until)));
    }
}

#[test]
fn the_ramp_begins_with_one_attempt_at_a_time() {
    let mut world = recovered(10);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    world.pass(Duration::from_millis(900));
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Wait(None));
    world.end(0, Ended::Delivered, EVEN);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go, "and then two");
    world.pass(Duration::from_millis(200));
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Wait(None));
}

#[test]
fn a_failure_in_the_ramp_halves_the_rate() {
    let mut world = recovered(10);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    let in_200_ms = world.now + Duration::from_millis(200);
    world.end(0, Ended::Delivered, EVEN);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Wait(Some(in_200_ms)));
    world.now = in_200_ms;
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    world.end(0, FAILED, EVEN);
    let in_400_ms = world.now + Duration::from_millis(400);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Wait(Some(in_400_ms)));
}

#[test]
fn a_second_in_which_nothing_was_tried_shows_nothing() {
    let mut world = recovered(10);
    world.pass(Duration::from_secs(30));
    for wait in [190, 200, 200, 200, 200] {
        assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
        world.end(0, Ended::Delivered, EVEN);
        let until = world.now + Duration::from_millis(wait);
        assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Wait(Some(until)));
        world.now = until;
    }
}

#[test]
fn the_ramp_is_over_when_all_slots_are_in_use_at_1000_a_second() {
    let mut world = recovered(10);
    let time = Duration::from_mins(1);
    let takes = Duration::from_millis(5);
    world.drive(&[Origin::Backlog], time, takes, Ended::Delivered, |world| {
        world.state() == State::Closed
    });
    let took = world.now - world.start;
    assert!(
        (Duration::from_secs(13)..=Duration::from_secs(14)).contains(&took),
        "{took:?}"
    );
}

#[test]
fn two_who_ask_take_turns_whoever_asks_first() {
    for first in [Origin::Log, Origin::Backlog] {
        let second = if first == Origin::Log {
            Origin::Backlog
        } else {
            Origin::Log
        };
        let mut world = World::new(1);
        world.drive(
            &[first, second],
            Duration::from_secs(10),
            Duration::from_millis(10),
            Ended::Delivered,
            |_| false,
        );
        let of_the_log = world.begun.iter().filter(|(_, origin)| *origin == Origin::Log).count();
        assert!(world.begun.len() >= 1_000, "{}", world.begun.len());
        assert!(
            of_the_log.abs_diff(world.begun.len() / 2) <= 1,
            "{of_the_log} of {}",
            world.begun.len()
        );
    }
}

#[test]
fn who_asked_and_never_came_back_costs_the_other_a_tenth_of_a_second_once() {
    let mut world = World::new(1);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Wait(None));
    world.end(0, Ended::Delivered, EVEN);
    let until = world.now + Duration::from_millis(100);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Wait(Some(until)));
    world.now = until;
    for _ in 0..10 {
        assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
        world.end(0, Ended::Delivered, EVEN);
    }
}

#[test]
fn the_backlog_leaves_half_of_the_slots_to_what_is_new() {
    for (slots, half) in [(0, 1), (1, 1), (2, 1), (3, 1), (10, 5)] {
        let mut world = World::new(slots.max(1));
        assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
        world.end(0, Ended::Delivered, EVEN);
        let kept_until = world.now + Duration::from_secs(1);
        for _ in 0..half {
            assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Go);
        }
        assert_eq!(
            world.ask(Origin::Backlog, Duration::ZERO),
            Answer::Wait(Some(kept_until)),
            "of {slots}"
        );
        for _ in half..slots {
            assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go, "of {slots}");
        }
        assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Wait(None), "of {slots}");
    }
}

#[test]
fn the_backlog_has_all_slots_while_nothing_is_new() {
    let mut world = World::new(10);
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    world.end(0, Ended::Delivered, EVEN);
    world.now += Duration::from_secs(1);
    for _ in 0..10 {
        assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Go);
    }
    assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Wait(None));
}

#[test]
fn it_is_idle_when_nothing_is_known_and_nothing_under_way() {
    let mut world = World::new(2);
    assert!(world.health.is_idle(world.now));
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    assert!(!world.health.is_idle(world.now));
    world.end(0, FAILED, EVEN);
    for _ in 0..20 {
        assert!(!world.health.is_idle(world.now));
        assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
        world.end(0, Ended::Delivered, EVEN);
    }
    assert!(world.health.is_idle(world.now));

    let mut world = recovered(2);
    assert!(!world.health.is_idle(world.now));
    world.pass(Duration::from_mins(1));
    assert!(
        world.health.is_idle(world.now),
        "nobody asked for a minute, and it would be closed"
    );
}

#[test]
fn a_probe_waits_for_a_slot_that_an_older_attempt_holds() {
    let mut world = World::new(6);
    for _ in 0..6 {
        assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Go);
    }
    for _ in 0..5 {
        world.end(0, FAILED, EVEN);
    }
    world.slots = 1;
    world.pass(Duration::from_secs(5));
    assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Wait(None));
    assert_eq!(world.ask(Origin::Log, Duration::ZERO), Answer::Park);
    world.end(0, FAILED, EVEN);
    assert_eq!(world.ask(Origin::Backlog, Duration::ZERO), Answer::Go);
    assert_eq!(world.state(), State::Probing);
}

#[test]
fn the_states_have_names_for_metrics() {
    let names = [State::Closed, State::Open, State::Probing, State::Ramp].map(State::as_str);
    assert_eq!(names, ["closed", "open", "probing", "ramp"]);
}
