//! A process that dies at every moment of a short history, one after the other: before and after each question to the backlog and
//! each answer of it, each attempt and its outcome, each dead letter.

use std::time::Duration;

use harness::crash::CrashPoints;
use tokio::time::sleep;

use super::world::{Mode, World};

/// How many events the history has.
const EVENTS: u64 = 30;

/// Lives until it is over or dies, and goes on after that. Returns how many moments there were, and all that is wrong.
async fn dies_at(moment: usize, history: &[[Mode; 3]; 2], back: usize) -> (usize, Vec<String>) {
    let world = World::new(4, 7);
    let points = CrashPoints::dying_at(moment);
    world.crash_at(&points);
    world.behave(history[0]);
    let running = world.start();
    let life = async {
        for n in 0..EVENTS {
            world.append();
            sleep(Duration::from_millis(25)).await;
            if n == EVENTS / 2 {
                sleep(Duration::from_millis(400)).await;
                world.behave(history[1]);
            }
        }
        sleep(Duration::from_secs(6)).await;
        running.shutdown.cancel();
        // The stop belongs to it.
        sleep(Duration::from_secs(5)).await;
    };
    tokio::select! {
        () = life => {}
        () = points.died() => {}
    }
    running.run.abort();
    let _aborted = running.run.await;
    while world.end() < EVENTS.cast_signed() {
        world.append();
    }
    world.log.take_back(0, back, 0);
    (points.passed(), world.finish().await)
}

/// Dies at each moment of a history: what the endpoints do at first, and then.
async fn dies_at_each(history: [[Mode; 3]; 2]) {
    let (moments, wrong) = dies_at(usize::MAX, &history, 0).await;
    assert!(wrong.is_empty(), "without a death: {wrong:?}");
    assert!(moments > 200, "{moments} are no history");
    for moment in 1..=moments {
        let (_, wrong) = dies_at(moment, &history, moment % 4).await;
        assert!(wrong.is_empty(), "at {moment} of {moments}: {wrong:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_at_whichever_moment_the_process_dies_while_endpoints_hang_and_fail() {
    let well = Mode::Well;
    dies_at_each([[Mode::Hangs, Mode::FailsOnce, Mode::Fails], [well, well, well]]).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_at_whichever_moment_the_process_dies_while_endpoints_are_late() {
    let (late, well) = (Mode::Late(300), Mode::Well);
    dies_at_each([[Mode::Fails, late, well], [Mode::Late(260), well, Mode::FailsOnce]]).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_at_whichever_moment_the_process_dies_while_endpoints_do_anything() {
    let (wild, well) = (Mode::Wild, Mode::Well);
    dies_at_each([[wild, well, wild], [wild, Mode::FailsOnce, well]]).await;
}
