//! Lives by chance: endpoints that hang, fail, are late and recover; a backlog that is away, slow, or whose answers are lost; and a
//! process that is killed, stopped, or loses its partition to another.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::world::{Mode, Running, World};

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Progress is as old as so many stores.
    Killed {
        back: usize,
    },
    Stopped,
    /// Another takes over, and this one does not know.
    TakenOver,
}

/// How the backlog is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Database {
    Well,
    Away,
    Slow(u64),
    LosesAnswers(u32),
}

#[derive(Debug, Clone)]
struct Life {
    modes: [Mode; 3],
    database: Database,
    events: u64,
    every_ms: u64,
    then_ms: u64,
    end: End,
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        2 => Just(Mode::Well),
        1 => Just(Mode::Hangs),
        1 => Just(Mode::Fails),
        1 => (200_u64..700).prop_map(Mode::Late),
        2 => Just(Mode::Wild),
        1 => Just(Mode::FailsOnce),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    let database = prop_oneof![
        4 => Just(Database::Well),
        1 => Just(Database::Away),
        1 => (1_u64..400).prop_map(Database::Slow),
        1 => (1_u32..4).prop_map(Database::LosesAnswers),
    ];
    let end = prop_oneof![
        3 => (0..3_usize).prop_map(|back| End::Killed { back }),
        2 => Just(End::Stopped),
        1 => Just(End::TakenOver),
    ];
    // `a` works well in each.
    (mode(), mode(), database, 0_u64..80, 1_u64..30, 0_u64..8_000, end).prop_map(
        |(b, free, database, events, every_ms, then_ms, end)| Life {
            modes: [Mode::Well, b, free],
            database,
            events,
            every_ms,
            then_ms,
            end,
        },
    )
}

/// How long before a death something may have been delivered that comes again, at a target that works: the patience with an attempt
/// elsewhere, the time between two looks, and what a write takes.
const REPEATED: Duration = Duration::from_millis(400);

async fn live(lives: &[Life], keys: u64, seed: u64) -> Vec<String> {
    let world = World::new(keys, seed);
    let mut wrong = Vec::new();
    let mut zombies: Vec<Running> = Vec::new();
    let mut floor = 0;
    // When the last one was killed, if all went well with the backlog.
    let mut killed: Option<Instant> = None;
    for life in lives {
        let running = begin(&world, life);
        for _ in 0..life.events {
            world.append();
            sleep(Duration::from_millis(life.every_ms)).await;
        }
        sleep(Duration::from_millis(life.then_ms)).await;
        let repeated = world.repeated(0);
        if let Some(killed) = killed {
            let old = repeated.iter().filter(|(_, first)| *first + REPEATED < killed);
            wrong.extend(
                old.map(|(name, first)| format!("{name:?} came again, delivered {:?} before", killed - *first)),
            );
        }
        killed = None;
        // Of one that has no claim there is nothing to take over, and it would take its own later: this backlog knows no leases.
        let has_claim = matches!(life.database, Database::Well | Database::LosesAnswers(_)) && life.then_ms > 10;
        let end = match life.end {
            End::TakenOver if !has_claim => End::Killed { back: 0 },
            end => end,
        };
        match end {
            End::Killed { back } => {
                running.run.abort();
                let _aborted = running.run.await;
                world.log.take_back(0, back, floor);
                killed = (back == 0 && life.database == Database::Well && life.then_ms > 2_000).then(Instant::now);
            }
            End::Stopped => {
                running.shutdown.cancel();
                if let Err(error) = running.run.await.expect("no panic") {
                    wrong.push(format!("no clean end: {error}"));
                }
                if life.database == Database::Well {
                    floor = world.log.stored(0);
                    world.protect();
                }
            }
            End::TakenOver => {
                world.backlog.set_away(false);
                zombies.push(running);
            }
        }
    }
    wrong.extend(world.finish().await);
    for zombie in &zombies {
        zombie.run.abort();
    }
    wrong
}

fn begin(world: &Arc<World>, life: &Life) -> Running {
    world.behave(life.modes);
    world.backlog.set_away(life.database == Database::Away);
    world.backlog.set_delay(Duration::ZERO);
    world.backlog.lose_answers(0);
    match life.database {
        Database::Slow(millis) => world.backlog.set_delay(Duration::from_millis(millis)),
        Database::LosesAnswers(count) => world.backlog.lose_answers(count),
        Database::Well | Database::Away => {}
    }
    world.start()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_lost_whatever_becomes_of_endpoints_backlog_and_process(
        lives in prop::collection::vec(life(), 1..5), keys in 1_u64..12, seed in any::<u64>()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let wrong = runtime.block_on(live(&lives, keys, seed));
        prop_assert!(wrong.is_empty(), "{:?}", wrong);
    }
}
