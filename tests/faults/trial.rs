//! One case from beginning to end: its own deployment, load, faults, recovery, and the judgement.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

use crate::deployment::{Addresses, Deployment, Settings, Which};
use crate::plan::Plan;
use crate::services::{ONE, POSTGRES, Services, THREE};
use harness::load::ledger::{Ledger, now_ms};
use harness::load::recorder::Recorder;
use harness::load::sender::Load;
use harness::proxy::Proxy;
use harness::{Database, eventually};

/// One case at a time: two cores are not enough for more, and one case's faults must not affect another.
pub(crate) static TURN: Mutex<()> = Mutex::const_new(());

/// The bytes of a body, like a typical one of a platform.
const BODY_BYTES: usize = 1000;

/// The setup of a case.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, named where it is made"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// A cluster of three brokers instead of one.
    pub(crate) three_brokers: bool,
    pub(crate) ingests: usize,
    pub(crate) processors: usize,
    /// Whether the ingests, and the processors, reach the services through proxies.
    pub(crate) proxied_ingests: bool,
    pub(crate) proxied_processors: bool,
    /// Whether deliveries that wait are kept in the database.
    pub(crate) store: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            three_brokers: false,
            ingests: 2,
            processors: 2,
            proxied_ingests: false,
            proxied_processors: false,
            store: false,
        }
    }
}

/// A running case.
pub(crate) struct Trial {
    pub(crate) phase: &'static str,
    pub(crate) plan: Plan,
    pub(crate) services: &'static Services,
    pub(crate) direct: Addresses,
    pub(crate) deployment: Deployment,
    pub(crate) database: Database,
    pub(crate) receivers: Vec<Recorder>,
    /// In front of each broker, and of the database.
    pub(crate) kafka_proxies: Vec<Proxy>,
    pub(crate) postgres_proxy: Proxy,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) load: Option<Load>,
    pub(crate) acts: usize,
    pub(crate) began_ms: i64,
    pub(crate) loaded_ms: (i64, i64),
    pub(crate) healed_ms: Option<i64>,
    /// Whether a process may have ended by itself.
    pub(crate) may_end: bool,
    _turn: MutexGuard<'static, ()>,
}

impl Trial {
    /// Starts services, processes and receivers, and waits until all are ready.
    pub(crate) async fn begin(phase: &'static str, setup: Setup) -> Self {
        let turn = TURN.lock().await;
        let plan = Plan::read();
        let services = Services::of_this_program();
        let began_ms = now_ms();
        let variables = tokio::task::block_in_place(|| {
            let mut wanted = if setup.three_brokers { THREE.to_vec() } else { vec![ONE] };
            wanted.push(POSTGRES);
            services.start(&wanted)
        });
        let kafka = if setup.three_brokers { "KAFKA3" } else { "KAFKA" };
        let database = Database::create_on(&variables["POSTGRES"]).await;
        let direct = Addresses {
            kafka: variables[kafka].clone(),
            postgres: database.url.clone(),
        };
        let (kafka_proxies, postgres_proxy, proxied) = proxies(&variables, kafka, &direct).await;

        let mut receivers = Vec::new();
        for _ in 0..plan.receivers {
            receivers.push(Recorder::start().await);
        }
        let settings = Settings {
            replication: if setup.three_brokers { 3 } else { 1 },
            endpoints: receivers.iter().map(|r| r.url.clone()).enumerate().collect(),
            store: setup.store,
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("faults")
            .join(phase.replace(' ', "-"));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut deployment = tokio::task::block_in_place(|| Deployment::new(folder, settings, &direct));
        let addresses = |is_proxied| if is_proxied { &proxied } else { &direct };
        for _ in 0..setup.ingests {
            deployment.add_ingest(addresses(setup.proxied_ingests));
        }
        for _ in 0..setup.processors {
            deployment.add_processor(addresses(setup.proxied_processors));
        }
        deployment.ready().await;
        Self {
            phase,
            plan,
            services,
            direct,
            deployment,
            database,
            receivers,
            kafka_proxies,
            postgres_proxy,
            ledger: Arc::new(Ledger::new(plan.keys)),
            load: None,
            acts: 0,
            began_ms,
            loaded_ms: (began_ms, began_ms),
            healed_ms: None,
            may_end: false,
            _turn: turn,
        }
    }

    /// Starts sending at the planned rate, and waits until events have arrived at the other end: a processor is ready
    /// some time before it has partitions.
    pub(crate) async fn load(&mut self) {
        self.load_blindly(self.plan.rate);
        self.accept_more(usize::try_from(self.plan.rate).unwrap_or(usize::MAX))
            .await;
        eventually("rows and deliveries", Duration::from_mins(1), async || {
            let delivered = self.receivers.iter().all(|r| r.count() > 0);
            (delivered && self.database.count().await > 0).then_some(())
        })
        .await;
    }

    /// Starts sending, whatever the answers are.
    pub(crate) fn load_blindly(&mut self, rate: u32) {
        self.loaded_ms.0 = now_ms();
        self.load = Some(Load::start(&self.ledger, self.deployment.routes(), rate, BODY_BYTES));
    }

    /// Stops sending, and waits until each event has its final answer.
    pub(crate) async fn unload(&mut self) {
        self.unload_within(Duration::from_mins(1)).await;
    }

    pub(crate) async fn unload_within(&mut self, patience: Duration) {
        if let Some(load) = self.load.take() {
            self.loaded_ms.1 = now_ms();
            load.stop(patience).await;
        }
    }

    /// Waits until `count` more were accepted: in the middle of the work, not after a fixed time.
    pub(crate) async fn accept_more(&self, count: usize) {
        let wanted = self.ledger.count_accepted() + count;
        eventually("events are accepted", Duration::from_mins(3), async || {
            (self.ledger.count_accepted() >= wanted).then_some(())
        })
        .await;
    }

    /// Waits for a time that the case itself tests: an outage, a stop.
    pub(crate) async fn last(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }

    /// Whether the case goes on with its faults: not often enough yet, or not enough accepted.
    pub(crate) fn goes_on(&self, least_acts: usize) -> bool {
        self.acts < least_acts || self.ledger.count_accepted() < self.plan.events
    }

    /// Notes that the last fault is undone, and starts the time of the recovery.
    pub(crate) fn healed(&mut self) {
        self.acts += 1;
        self.healed_ms = Some(now_ms());
    }

    /// Starts services that were ended, and waits until they answer.
    pub(crate) fn start_services(&self, services: &[&str]) {
        tokio::task::block_in_place(|| self.services.start(services));
    }

    /// Kills services, all at the same moment.
    pub(crate) fn kill_services(&self, services: &[&str]) {
        tokio::task::block_in_place(|| self.services.kill(services));
    }

    /// Ends a process without a chance to store anything, and starts it again.
    pub(crate) async fn kill_and_start(&mut self, which: Which) {
        self.deployment.get(which).role.kill();
        self.deployment.start_again(which).await;
        self.healed();
    }

    /// Ends a process as an operator does, and starts it again.
    pub(crate) async fn restart(&mut self, which: Which) {
        let member = self.deployment.get(which);
        let code = member.role.terminate().await;
        assert_eq!(code, Some(0), "{which:?} does not drain:\n{}", member.role.logs());
        self.deployment.start_again(which).await;
        self.healed();
    }

    pub(crate) fn slow_kafka(&self, rtt: Duration) {
        for proxy in &self.kafka_proxies {
            proxy.slow(rtt);
        }
    }
}

/// Starts proxies at the addresses that the brokers advertise, and one for the database; returns them and their
/// addresses.
async fn proxies(
    variables: &BTreeMap<String, String>,
    kafka: &str,
    direct: &Addresses,
) -> (Vec<Proxy>, Proxy, Addresses) {
    let listed = |name: String| variables[&name].split(',').map(str::to_owned).collect::<Vec<_>>();
    let at = listed(format!("{kafka}_PROXIED"));
    let mut kafka_proxies = Vec::new();
    for (address, upstream) in at.iter().zip(listed(format!("{kafka}_PROXIED_TO"))) {
        kafka_proxies.push(Proxy::start(address, &upstream).await);
    }
    let mut url = url::Url::parse(&direct.postgres).expect("a URL");
    let upstream = format!("127.0.0.1:{}", url.port().expect("a port"));
    let postgres_proxy = Proxy::start("127.0.0.1:0", &upstream).await;
    url.set_port(Some(postgres_proxy.address.port())).expect("a port");
    let proxied = Addresses {
        kafka: at.join(","),
        postgres: url.to_string(),
    };
    (kafka_proxies, postgres_proxy, proxied)
}
