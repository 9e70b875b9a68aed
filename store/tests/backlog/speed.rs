//! How fast rows come and go, for whoever changes a statement: `cargo test -p store --test backlog speed -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use schemas::record::{Offset, Record, StoredRecord};

use crate::deliveries::{END, add, in_line, offsets, remove, waiting, write};
use crate::stage::on_both;

const ROWS: i64 = 50_000;
const BATCH: i64 = 500;

#[tokio::test]
#[ignore = "a measurement"]
async fn speed_of_fifty_thousand_rows_in_and_out() {
    // Differs per row, and compresses as JSON does: by half.
    let mut random = fastrand::Rng::with_seed(7);
    let text: Vec<u8> = (0..64 * 1024)
        .map(|_| b"abcdefghijklmnop"[random.usize(..16)])
        .collect();
    let value = |offset: i64| {
        let start = usize::try_from(offset * 37 % 60_000).expect("positive");
        Bytes::copy_from_slice(&text[start..start + 2300])
    };
    on_both(async |both| {
        let claim = both.claim(0).await;
        let started = Instant::now();
        for batch in 0..ROWS / BATCH {
            let rows = (batch * BATCH..(batch + 1) * BATCH).map(|offset| {
                let mut waiting = waiting("a", offset, &format!("k{}", offset % 1000));
                let record = Record {
                    value: value(offset),
                    ..waiting.record.record.clone()
                };
                waiting.ordered = false;
                waiting.record = Arc::new(StoredRecord {
                    offset: Offset(offset),
                    record,
                });
                waiting
            });
            add(&*claim, rows).await;
        }
        let parked = started.elapsed();
        let started = Instant::now();
        let mut last = None;
        let mut drained = 0;
        loop {
            let found = offsets(&*claim, in_line("a", last, 500)).await;
            let Some(newest) = found.last() else {
                break;
            };
            last = Some(*newest);
            drained += found.len();
            write(&*claim, found.iter().map(|offset| remove("a", *offset))).await;
        }
        let took = started.elapsed();
        assert_eq!(i64::try_from(drained), Ok(ROWS));
        assert_eq!(claim.contents(END).await.expect("available").in_line, [""; 0]);
        let rate = |took: std::time::Duration| f64::from(50_000) / took.as_secs_f64();
        let name = format!("{both:?}");
        let name = name.split(['(', ' ']).next().unwrap_or_default();
        println!("{name}: in {:.0} rows/s, out {:.0} rows/s", rate(parked), rate(took));
    })
    .await;
}
