//! Exactly once: the connection is cut at every request and before every answer, a COMMIT has its answer lost or falsified,
//! a second writer does the same work in the middle of the first one's. Whatever happens, all tables and views end as those
//! of a calm run.

use harness::contents::Contents;
use harness::statements::{At, Caught, StatementProxy, When};
use schemas::secret::Secret;
use schemas::sink::{Batch, Begun, KeepsProgress as _, Outcome, Sink as _, Unavailable};
use sinks::postgres::PostgresSink;
use sinks::table::Metrics;

use crate::database::{Database, sink_name, with_database};
use crate::events::{Sample, batch, progress, sample};

/// How many batches a history has: more than there are requests times moments, so that each batch can have its own fault first.
const BATCHES: usize = 90;

/// No batch takes more requests than that.
const REQUESTS: usize = 24;

const REFUSED: &str = "refused by the table";

/// When something was written, which no two runs have in common.
const LEAVE_OUT: [&str; 2] = ["stored_time", "updated"];

/// A small generator of its own: a failure is found again by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a usize")
    }
}

/// New events, repeats of earlier ones with the same body and with others, receipts that come again, and now and then a row
/// that is refused.
fn history(random: &mut Random) -> Vec<Batch> {
    let (mut batches, mut first) = (Vec::new(), 0);
    for number in 0..BATCHES {
        let mut events = Vec::new();
        for place in 0..4 + random.below(6) {
            let mut event: Sample = match random.below(10) {
                0..4 => sample(format!("new {number} {place}")),
                4..7 => sample(format!("often {}", random.below(12))),
                _ => {
                    let again = i64::try_from(number).expect("small");
                    sample(format!("received {}", random.below(12))).received_after(again)
                }
            };
            if random.below(4) == 0 {
                event.raw = format!(r#"{{"id":9001,"body":{}}}"#, random.below(5));
            }
            if random.below(40) == 0 {
                REFUSED.clone_into(&mut event.subject);
                event.identity = format!("refused {number} {place}");
            }
            events.push(event);
        }
        batches.push(batch(first, &events));
        first += i64::try_from(events.len()).expect("small");
    }
    batches
}

async fn prepare(database: &Database) {
    let constraint = format!("ALTER TABLE event ADD CONSTRAINT refused CHECK (subject <> '{REFUSED}')");
    database.run(constraint).await;
}

async fn contents(database: &Database) -> Contents {
    let pool = sqlx::PgPool::connect(database.url.as_str())
        .await
        .expect("the test server");
    let contents = Contents::read(&pool, &LEAVE_OUT, database.url.path()).await;
    pool.close().await;
    contents
}

/// A sink behind a proxy of its own.
struct Writer {
    proxy: StatementProxy,
    sink: PostgresSink,
}

impl Writer {
    async fn new(database: &Database) -> Self {
        let proxy = StatementProxy::start(&database.url).await;
        let mut config = database.config();
        config.url = Secret::new(proxy.url(&database.url).as_str());
        (config.max_connections, config.lock_timeout_ms) = (2, 100);
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        Self { proxy, sink }
    }

    /// Delivers without a fault, as the processor does: again until it is done, and what was refused is settled by a dead
    /// letter.
    async fn deliver(&self, batch: &Batch) {
        self.proxy.open();
        let mut tries = 0;
        let outcomes = loop {
            match self.sink.deliver(batch).await {
                Ok(outcomes) => break outcomes,
                // A connection that was cut, or the locks of the other writer.
                Err(error) if tries > 20 => panic!("{error}"),
                Err(_) => tries += 1,
            }
        };
        for (outcome, delivery) in outcomes.iter().zip(&batch.deliveries) {
            let refused = delivery.event.attributes.subject.as_deref() == Some(REFUSED);
            assert_eq!(matches!(outcome, Outcome::Rejected { .. }), refused, "{outcome:?}");
        }
        let reached = batch.progress.as_ref().expect("of a partition");
        while self.sink.checkpoint(reached).await.is_err() {}
    }

    /// Delivers without a fault, as a process that has just begun: from the progress on.
    async fn resume(&self, batch: &Batch) {
        self.proxy.open();
        let end = batch.progress.as_ref().expect("of a partition");
        let kept = loop {
            // The first may get a connection that was cut.
            if let Ok(kept) = self.sink.progress(&end.partition).await {
                break kept;
            }
        };
        let next = kept.map_or(0, |kept| kept.next.0);
        let rest = batch
            .deliveries
            .iter()
            .filter(|delivery| delivery.record.offset.0 >= next);
        let rest: Vec<_> = rest.cloned().collect();
        if !rest.is_empty() {
            let rest = Batch {
                deliveries: rest,
                progress: batch.progress.clone(),
                begun: Begun::default(),
            };
            self.deliver(&rest).await;
        }
    }

    /// Delivers, and does something to the request of this number when it is there; returns whether it was.
    async fn deliver_caught(
        &self,
        batch: &Batch,
        number: usize,
        when: When,
        act: impl AsyncFnOnce(Caught),
    ) -> (bool, Result<Vec<Outcome>, Unavailable>) {
        let trap = self.proxy.trap(At::Number(number), when);
        let mut delivering = std::pin::pin!(self.sink.deliver(batch));
        let result = tokio::select! {
            biased;
            Ok(caught) = trap => {
                let ((), result) = tokio::join!(act(caught), &mut delivering);
                return (true, result);
            }
            result = &mut delivering => result,
        };
        self.proxy.open();
        (false, result)
    }
}

/// Runs the history with faults that `fault` makes before each batch is delivered, and compares with a calm run.
async fn compare(seed: u64, fault: impl AsyncFn(&[Writer; 2], &Batch, usize, &mut Random) -> usize) {
    with_database(|calm| async move {
        with_database(|database| async move {
            prepare(&calm).await;
            prepare(&database).await;
            let mut random = Random(seed);
            let batches = history(&mut random);
            let straight = Writer::new(&calm).await;
            for batch in &batches {
                straight.deliver(batch).await;
            }
            let expected = contents(&calm).await;
            for table in ["event", "event_variant", "event_receipt", "sink_position"] {
                assert!(expected.count(table) > 0, "`{table}` is empty");
            }

            let writers = [Writer::new(&database).await, Writer::new(&database).await];
            let mut faults = 0;
            for (number, batch) in batches.iter().enumerate() {
                faults += fault(&writers, batch, number, &mut random).await;
                let writer = &writers[number % 2];
                // A process that lives tries again; one that was killed begins anew.
                if random.below(2) == 0 {
                    writer.deliver(batch).await;
                } else {
                    writer.resume(batch).await;
                }
            }
            let differences = expected.differences(&contents(&database).await);
            assert!(
                differences.is_empty(),
                "seed {seed}, after {faults} faults:\n{}",
                differences.join("\n")
            );
            assert!(faults >= BATCHES, "only {faults} faults happened");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_moment_leaves_what_a_calm_run_leaves() {
    for seed in 1..3 {
        compare(seed, async |[writer, _], batch, number, random| {
            let mut faults = 0;
            for times in 0..3 {
                // A batch meets each of its requests for the first time only once: these go round, the others are random.
                let (at, when) = match times {
                    0 => (number % REQUESTS, When::ALL[number / REQUESTS % 4]),
                    _ => (random.below(REQUESTS), When::ALL[random.below(4)]),
                };
                let fails = random.below(3) == 0;
                let (caught, _) = writer
                    .deliver_caught(
                        batch,
                        at,
                        when,
                        async |caught| {
                            if fails { caught.fail() } else { caught.cut() }
                        },
                    )
                    .await;
                faults += usize::from(caught);
            }
            faults
        })
        .await;
    }
}

#[tokio::test]
async fn a_writer_that_goes_on_after_another_one_has_done_its_work_changes_nothing() {
    for seed in 11..13 {
        compare(seed, async |[one, other], batch, number, random| {
            let (zombie, owner) = if number % 2 == 0 { (other, one) } else { (one, other) };
            let (at, when) = (number % REQUESTS, When::ALL[random.below(4)]);
            let (first, _) = zombie
                .deliver_caught(batch, at, when, async |caught| {
                    // It may have to wait for what the zombie holds, and then it is put off.
                    drop(owner.sink.deliver(batch).await);
                    caught.go_on();
                })
                .await;
            // And once more, and the zombie dies.
            let (second, _) = zombie
                .deliver_caught(batch, random.below(REQUESTS), when, async |caught| {
                    drop(owner.sink.deliver(batch).await);
                    caught.cut();
                })
                .await;
            usize::from(first) + usize::from(second)
        })
        .await;
    }
}

/// Progress that was stored by a writer who was late never takes back that of a later one.
#[tokio::test]
async fn a_writer_of_an_earlier_batch_does_not_take_back_the_progress() {
    with_database(|database| async move {
        let writers = [Writer::new(&database).await, Writer::new(&database).await];
        let [zombie, owner] = &writers;
        let batches: Vec<Batch> = (0..4)
            .map(|n| batch(n * 2, &[sample(format!("a {n}")), sample(format!("b {n}"))]))
            .collect();
        let (caught, late) = zombie
            .deliver_caught(&batches[0], 0, When::BeforeRequest, async |caught| {
                for batch in &batches {
                    owner.deliver(batch).await;
                }
                caught.go_on();
            })
            .await;
        assert!(caught && late.is_ok(), "{late:?}");
        let kept = owner.sink.progress(&progress(0, 0).partition).await.expect("available");
        assert_eq!(kept.map(|kept| kept.next.0), Some(8));
        assert_eq!(database.rows().await, 8);
    })
    .await;
}

/// A comparison that finds nothing proves nothing.
#[tokio::test]
async fn a_row_that_is_missing_doubled_or_changed_is_a_difference() {
    with_database(|database| async move {
        let writer = Writer::new(&database).await;
        let mut other_body = sample("a");
        other_body.raw = r#"{"id":9002}"#.into();
        writer.deliver(&batch(0, &[sample("a"), sample("b"), other_body])).await;
        let calm = contents(&database).await;
        assert!(calm.differences(&contents(&database).await).is_empty());
        for (change, table) in [
            ("UPDATE event_variant SET times = times + 1", "event_variant"),
            (
                "UPDATE sink_position SET next_offset = next_offset - 1",
                "sink_position",
            ),
            ("DELETE FROM event WHERE log_offset = 1", "event"),
            (
                "CREATE TABLE held AS SELECT * FROM event; DROP TABLE event CASCADE; ALTER TABLE held RENAME TO event; \
                 INSERT INTO event SELECT * FROM event",
                "event",
            ),
        ] {
            database.run(change).await;
            let found = calm.differences(&contents(&database).await);
            let named = found.iter().any(|line| line.starts_with(&format!("{table}: ")));
            assert!(named, "{change}: {found:?}");
        }
    })
    .await;
}
