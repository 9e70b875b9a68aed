//! Everything restarted in turn, and everything at random.

use std::time::Duration;

use fastrand::Rng;
use serde_json::json;

use crate::deployment::Which;
use crate::services::{Held, ONE, POSTGRES};
use crate::trial::{Setup, Trial};

const ALL: [Which; 4] = [
    Which::Ingest(0),
    Which::Processor(0),
    Which::Ingest(1),
    Which::Processor(1),
];

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_everything_has_no_effect() {
    let mut trial = Trial::begin("rolling restart", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(4) {
        for which in ALL {
            trial.restart(which).await;
            trial.accept_more(trial.plan.short_or_long(50, 400)).await;
        }
    }
    trial.finish().await;
}

/// The random faults.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill(Which),
    Restart(Which),
    Hold(Which),
    KillBroker,
    HoldBroker,
    RestartPostgres,
    KillBackend,
    HoldPostgres,
}

impl Fault {
    fn any(random: &mut Rng) -> Self {
        let which = ALL[random.usize(..ALL.len())];
        match random.u8(..12) {
            0..3 => Self::Kill(which),
            3..5 => Self::Restart(which),
            5..7 => Self::Hold(which),
            7 => Self::KillBroker,
            8 => Self::HoldBroker,
            9 => Self::RestartPostgres,
            10 => Self::KillBackend,
            _ => Self::HoldPostgres,
        }
    }

    /// How long it lasts: up to three sessions for a stopped process.
    fn lasts(self, random: &mut Rng) -> Duration {
        let most = match self {
            Self::Hold(_) => 19_000,
            Self::HoldBroker | Self::HoldPostgres => 12_000,
            Self::KillBroker => 5_000,
            _ => 1,
        };
        Duration::from_millis(random.u64(..most))
    }
}

impl Trial {
    async fn suffer(&mut self, fault: Fault, lasting: Duration) {
        let hold = |held: Held| async move {
            tokio::time::sleep(lasting).await;
            drop(held);
        };
        match fault {
            Fault::Kill(which) => self.kill_and_start(which).await,
            Fault::Restart(which) => self.restart(which).await,
            Fault::Hold(which) => {
                hold(self.deployment.get(which).hold()).await;
                self.healed();
            }
            Fault::HoldBroker | Fault::HoldPostgres => {
                let service = if matches!(fault, Fault::HoldBroker) {
                    ONE
                } else {
                    POSTGRES
                };
                hold(self.services.hold(service)).await;
                self.healed();
            }
            Fault::KillBroker => {
                self.kill_services(&[ONE]);
                tokio::time::sleep(lasting).await;
                self.start_services(&[ONE]);
                self.healed();
            }
            Fault::RestartPostgres => {
                self.restart_postgres_immediately();
                self.healed();
            }
            Fault::KillBackend => {
                self.kill_a_backend().await;
                self.healed();
            }
        }
    }
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_at_random_lose_and_double_nothing() {
    let mut trial = Trial::begin("everything at random", Setup::default()).await;
    let mut random = Rng::with_seed(trial.plan.seed);
    let mut schedule = Vec::new();
    trial.load().await;
    while trial.goes_on(10) {
        let fault = Fault::any(&mut random);
        let lasting = fault.lasts(&mut random);
        schedule.push(format!("{fault:?} {lasting:?}"));
        trial.suffer(fault, lasting).await;
        trial.accept_more(random.usize(20..1000)).await;
    }
    trial.unload().await;
    trial.drain().await;
    let evidence = trial.evidence().await;
    let more = json!({ "seed": trial.plan.seed, "schedule": schedule });
    trial.conclude(&evidence, Vec::new(), more).await;
}
