//! What a row costs: `cargo test -p store --test attempts -- --ignored --nocapture measure`. Not optimized, that is several times what
//! it costs in the program; with the settings of a release it is a measurement.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use store::attempts::Config;

use crate::stage::{Database, delivered, failed};

const ROWS: u64 = 50_000;

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("positive"),
        u32::try_from(time.tv_nsec).expect("positive"),
    )
}

#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn measure_what_a_row_costs() {
    for at_once in [500, ROWS] {
        for database in [Database::postgres().await, Database::sqlite().await] {
            let mut log = database.open(&Config {
                queue_max_bytes: 1_073_741_824,
                ..Config::default()
            });
            let running = log.start();
            log.attempts.record(delivered("warm", 0));
            log.until_written(1).await;
            // Of 20 one has failed.
            let attempt = |number| {
                let target = format!("endpoint_{}", number % 10);
                if number % 20 == 0 {
                    failed(&target, number)
                } else {
                    delivered(&target, number)
                }
            };
            let attempts: Vec<_> = (0..ROWS).map(attempt).collect();
            let (began, cpu_before) = (Instant::now(), cpu());
            let mut recorded = 0;
            for attempt in attempts {
                log.attempts.record(attempt);
                recorded += 1;
                if recorded % at_once == 0 {
                    while log.metric("waiting") > 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            }
            let (took, used) = (began.elapsed(), cpu().saturating_sub(cpu_before));
            let rows = f64::from(u32::try_from(ROWS).expect("small"));
            let which = if matches!(database, Database::Postgres(_)) {
                "PostgreSQL"
            } else {
                "SQLite"
            };
            println!(
                "{which}, {at_once} at once: {:.0} rows/s, {:.2} µs of client CPU per row",
                rows / took.as_secs_f64(),
                used.as_secs_f64() * 1e6 / rows
            );
            running.end().await;
        }
    }
}
