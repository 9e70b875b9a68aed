//! Exactly once, at every named point of the sink's work: before and after each statement, BEGIN and COMMIT among them. The
//! points are those that a calm course shows, so that a new statement is covered as soon as there is one.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::statements::When;
use schemas::platform::Platform;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::once::course::{Act, Course, Fault, Finished, executed, label};
use crate::once::history::History;
use crate::once::site::Site;
use crate::plan::Plan;
use crate::trial::TURN;

/// How many courses run at once: they mostly wait for sessions to end.
const AT_ONCE: usize = 20;

/// The platforms of the short form.
const SOME: [Platform; 3] = [Platform::Chatwoot, Platform::Baileys, Platform::Telegram];

/// A process that is killed has done this, or its answer has not arrived.
const KILLS: [Act; 2] = [Act::Kill(When::BeforeRequest), Act::Kill(When::BeforeAnswer)];

/// Answers that are lost while the process lives.
const LOST: [Act; 2] = [Act::Cut(When::BeforeAnswer), Act::Lie];

/// The faults of the short form: a kill before and after each statement, in the first part that has it, and the rest where
/// something is written. The long form has everything everywhere.
fn faults(calm: &Finished, long: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for (part, steps) in calm.steps.iter().enumerate() {
        for step in executed(steps) {
            if !seen.insert(step) && !long {
                continue;
            }
            let statement = &step.statement;
            let ends = statement == "COMMIT";
            let writes = ends || statement.starts_with("INSERT") || statement.starts_with("UPDATE");
            let mut acts = KILLS.to_vec();
            if long || ends {
                acts.extend([Act::Kill(When::WithinRequest), Act::Kill(When::AfterAnswer)]);
                acts.extend(LOST);
            }
            if (long && writes) || ends || statement.starts_with("INSERT INTO event (") {
                acts.push(Act::Sleep(When::BeforeRequest));
            }
            if ends {
                acts.push(Act::Sleep(When::BeforeAnswer));
            }
            faults.extend(acts.into_iter().map(|act| Fault {
                part,
                step: step.clone(),
                act,
            }));
        }
    }
    // The longest first.
    faults.sort_by_key(|fault| !matches!(fault.act, Act::Sleep(_)));
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fault_at_any_statement_leaves_what_a_calm_course_leaves() {
    let _turn = TURN.lock().await;
    let (plan, began) = (Plan::read(), Instant::now());
    let platforms = plan.short_or_long(SOME.to_vec(), Platform::ALL.to_vec());
    let history = Arc::new(History::read(&platforms));
    let site = Arc::new(tokio::task::block_in_place(Site::start));

    let calm = Course::new(&site, &history)
        .await
        .run(None)
        .await
        .expect("a calm course");
    let stored = calm.contents.count("event");
    assert_eq!(stored, history.events, "each event is one row");
    assert!(
        calm.contents.count("event_variant") > 5,
        "there are variants: {:?}",
        calm.contents.filled()
    );
    assert_eq!(calm.dead_letters, 1, "the refused row");

    let calm = Arc::new(calm);
    let faults = faults(&calm, plan.long);
    for wanted in [
        "BEGIN",
        "COMMIT",
        "INSERT INTO event (",
        "INSERT INTO event_variant",
        "INSERT INTO event_receipt",
        "INSERT INTO sink_position",
        "SAVEPOINT",
    ] {
        assert!(
            faults.iter().any(|fault| fault.step.statement.starts_with(wanted)),
            "no point at {wanted}"
        );
    }
    let count = faults.len();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut courses = JoinSet::new();
    for fault in faults {
        let (places, site, history, calm) = (
            Arc::clone(&places),
            Arc::clone(&site),
            Arc::clone(&history),
            Arc::clone(&calm),
        );
        courses.spawn(async move {
            let _place = places.acquire().await.expect("open");
            let began = Instant::now();
            let finished = Course::new(&site, &history).await.run(Some(&fault)).await;
            let judged = finished.and_then(|finished| judge(&calm, &finished).map(|()| finished.faulty));
            let took = (began.elapsed(), fault.to_string());
            judged
                .map(|happened| (happened, took))
                .map_err(|reason| format!("{fault}: {reason}"))
        });
    }
    let (mut complaints, mut faulty, mut took) = (Vec::new(), 0, Vec::new());
    while let Some(ended) = courses.join_next().await {
        match ended {
            Ok(Ok((happened, of_course))) => {
                faulty += usize::from(happened);
                took.push(of_course);
            }
            Ok(Err(complaint)) => complaints.push(complaint),
            Err(error) => complaints.push(error.to_string()),
        }
    }
    site.flush();
    for t in &took {
        eprintln!("{t:?}");
    }
    took.sort();
    report(&calm, (count, faulty, complaints.len()), began, took.last());
    assert!(
        complaints.is_empty(),
        "{} of {count} courses\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    // The rest waited for a statement that depends on a clock.
    assert!(faulty * 10 >= count * 9, "only {faulty} of {count} faults happened");
}

/// What a calm course leaves must be there, and nothing else. A dead letter may be written once more after a kill.
fn judge(calm: &Finished, finished: &Finished) -> Result<(), String> {
    let mut complaints = calm.contents.differences(&finished.contents);
    if finished.dead_letters < calm.dead_letters {
        complaints.push("the refused row is no dead letter".to_owned());
    }
    if complaints.is_empty() {
        drop(std::fs::remove_dir_all(&finished.folder));
        Ok(())
    } else {
        Err(complaints.join("\n"))
    }
}

/// Prints what was done, directly to the stream, because the test harness shows captured output only of failures.
fn report(
    calm: &Finished,
    (courses, faulty, wrong): (usize, usize, usize),
    began: Instant,
    longest: Option<&(Duration, String)>,
) {
    let mut text = format!(
        "\nexactly once: {courses} courses, a fault in {faulty} of them, {wrong} wrong, {} s; tables and views compared: {}\n",
        began.elapsed().as_secs(),
        calm.contents.filled().join(", ")
    );
    if let Some((took, fault)) = longest {
        writeln!(text, "the longest took {} s: {fault}", took.as_secs()).expect("written");
    }
    for (part, steps) in calm.steps.iter().enumerate() {
        let labels: Vec<String> = executed(steps).into_iter().map(label).collect();
        writeln!(text, "part {part}: {}", labels.join("; ")).expect("written");
    }
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .expect("standard output");
}
