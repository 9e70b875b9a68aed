//! What `judge` says, and `forebay verify` prints, is what the server answers: for every vector, and for each of them bent.

mod bend;
mod vectors;
mod wire;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ingest::{Captured, Config, Verdict, judge};
use schemas::source::Source;
use schemas::time::Timestamp;

use crate::room::Room;
use bend::{Bent, bent};
use vectors::Case;
use wire::Wire;

thread_local! {
    /// The clock of the server that runs on this thread, milliseconds.
    static CLOCK: Cell<i64> = const { Cell::new(0) };
}

fn clock() -> Timestamp {
    Timestamp::from_millis(CLOCK.get()).expect("in range")
}

/// Some verdict of each kind must have come up, or the test compares nothing.
const STATUSES: [u16; 9] = [200, 400, 401, 403, 404, 405, 413, 415, 503];

#[test]
fn the_verdict_on_a_request_is_the_status_that_the_server_answers() {
    let files = Mutex::new(vectors::files());
    let seen = Mutex::new(BTreeMap::<u16, usize>::new());
    let wrong = Mutex::new(Vec::new());
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let room = Room::start_at(Config::default(), clock).await;
            let mut wire = Wire::new(room.address);
            loop {
                let Some(cases) = files.lock().expect("not poisoned").pop() else {
                    return;
                };
                for case in &cases {
                    check(case, &room, &mut wire, &seen, &wrong).await;
                }
            }
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().expect("not poisoned");
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(50)].join("\n")
    );
    let seen = seen.into_inner().expect("not poisoned");
    assert!(seen.keys().copied().eq(STATUSES), "{seen:?}");
}

/// Compares verdict and answer for a case, and for all that is bent of it.
async fn check(
    case: &Case,
    room: &Room,
    wire: &mut Wire,
    seen: &Mutex<BTreeMap<u16, usize>>,
    wrong: &Mutex<Vec<String>>,
) {
    CLOCK.set(case.clock.millis());
    for Bent { how, source, request } in bent(case) {
        let verdict = judge(&source, &request, case.clock);
        let answered = answer(room, wire, &source, &request).await;
        let published = !room.log.take().is_empty();
        let said = verdict.status().as_u16();
        *seen.lock().expect("not poisoned").entry(answered).or_default() += 1;
        let as_promised = !how.is_empty() || case.status.is_none_or(|status| answered == status);
        if said != answered || published != matches!(verdict, Verdict::Accepted { .. }) || !as_promised {
            wrong.lock().expect("not poisoned").push(format!(
                "{}: {}{}{how}: answered {answered}, published: {published}, {verdict:?}",
                case.platform,
                case.name,
                if how.is_empty() { "" } else { ", " }
            ));
        }
    }
}

async fn answer(room: &Room, wire: &mut Wire, source: &Source, request: &Captured) -> u16 {
    room.directory.set([Arc::new(source.clone())]);
    wire.status(request).await
}
