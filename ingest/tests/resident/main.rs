//! What the process really takes of the machine's memory when strangers and senders do their worst: a server of its own
//! process, with the allocator of the program, and its resident memory as the kernel reports it.
//!
//! The tests are small. The measurements at full size are run by hand:
//! `cargo test --release -p ingest --test resident -- --ignored --nocapture --test-threads 1 measure`
#![cfg(target_os = "linux")]
#![expect(
    clippy::print_stdout,
    reason = "the port for the parent, and the figures of the measurements"
)]

mod attack;
mod child;

use std::time::Duration;

use attack::{calm, drip, send_at_once};
use child::{Server, serve_until_input_ends};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MEGABYTE: usize = 1_000_000;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}

#[test]
#[ignore = "the server of the others, which start it in a process of its own"]
fn serves() {
    serve_until_input_ends();
}

#[test]
fn two_hundred_dripping_bodies_take_less_than_20_megabytes() {
    let server = Server::start(256 << 20);
    run(calm(&server, 20));
    let idle = server.resident_bytes();
    let outcome = run(drip(&server, 200, Duration::from_secs(2)));
    let growth = server.peak_bytes().saturating_sub(idle);
    assert!(growth < 20 * MEGABYTE, "{growth} bytes more than {idle}");
    assert_eq!(outcome.others_refused, 0);
}

#[test]
fn large_webhooks_at_once_take_no_more_than_the_budget_and_are_200_or_503() {
    let budget = 32 << 20;
    let server = Server::start(budget);
    run(calm(&server, 20));
    let idle = server.resident_bytes();
    let statuses = run(send_at_once(&server, 200, MEGABYTE));
    let growth = server.peak_bytes().saturating_sub(idle);
    assert!(growth < budget + 64 * MEGABYTE, "{growth} bytes more than {idle}");
    assert!(
        statuses.keys().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains_key(&200), "{statuses:?}");
}

#[test]
#[ignore = "a measurement: needs 4 000 file descriptors and a quiet machine"]
fn measure_2000_drips() {
    let server = Server::start(256 << 20);
    let before = run(calm(&server, 1_000));
    let idle = server.resident_bytes();
    let outcome = run(drip(&server, 2_000, Duration::from_secs(20)));
    println!(
        "2000 drips: idle {} MB, peak {} MB; others: calm {before}, then {}, {} refused; attackers: {:?}",
        idle / MEGABYTE,
        server.peak_bytes() / MEGABYTE,
        outcome.others,
        outcome.others_refused,
        outcome.attackers,
    );
}

#[test]
#[ignore = "a measurement: needs 2 000 file descriptors and a quiet machine"]
fn measure_1000_large_at_once() {
    let server = Server::start(256 << 20);
    let before = run(calm(&server, 1_000));
    let idle = server.resident_bytes();
    let statuses = run(send_at_once(&server, 1_000, MEGABYTE));
    println!(
        "1000 x 1 MB: idle {} MB, peak {} MB, answers {statuses:?}, calm {before}",
        idle / MEGABYTE,
        server.peak_bytes() / MEGABYTE,
    );
}
