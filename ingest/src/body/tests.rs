//! A body is cut when its client is late, not when this process is, and costs what came of it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Sleep, sleep};

use super::*;
use crate::budget::Budget;

/// A body that announces a length and comes in parts, each after a pause of its own.
struct Dripping {
    announced: u64,
    parts: VecDeque<(Duration, usize)>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Dripping {
    fn body(announced: u64, parts: impl IntoIterator<Item = (Duration, usize)>) -> Body {
        Body::new(Self {
            announced,
            parts: parts.into_iter().collect(),
            pause: None,
        })
    }
}

impl http_body::Body for Dripping {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some((pause, bytes)) = self.parts.front().copied() else {
            return Poll::Ready(None);
        };
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(pause)));
        if pause.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.pause = None;
        self.parts.pop_front();
        self.announced = self.announced.saturating_sub(bytes as u64);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; bytes])))))
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::default();
        hint.set_lower(self.announced);
        hint
    }
}

fn config() -> Config {
    Config {
        body_timeout_ms: 15_000,
        body_grace_ms: 5_000,
        body_min_bytes_per_second: 1_000,
        ..Config::default()
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Reads within a large budget: what came of it, and after how many seconds.
async fn read(config: &Config, body: Body) -> (Result<usize, BodyError>, u64) {
    let begun = Instant::now();
    let budget = Budget::new(usize::MAX, Gauge::default());
    let share = budget.share(0).expect("room");
    let read = read_body(body, BodyLimit::of(1_000_000), Pace::of(config), share).await;
    (read.map(|body| body.bytes.len()), begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_drip_is_given_up_when_its_grace_is_used_up() {
    let body = Dripping::body(1_000_000, [(SECOND, 1); 100]);
    let (outcome, seconds) = read(&config(), body).await;
    assert!(matches!(outcome, Err(BodyError::TooSlow)), "{outcome:?}");
    assert_eq!(seconds, 5);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_given_up_after_one_grace_however_much_came_before() {
    let body = Dripping::body(1_000_000, [(SECOND, 999_999), (100 * SECOND, 1)]);
    let (outcome, seconds) = read(&config(), body).await;
    assert!(matches!(outcome, Err(BodyError::TooSlow)), "{outcome:?}");
    assert_eq!(seconds, 1 + 5);
}

#[tokio::test(start_paused = true)]
async fn a_body_at_the_least_rate_is_taken_until_the_deadline() {
    let steady = |seconds| Dripping::body(0, vec![(SECOND, 1_000); seconds]);
    assert!(matches!(read(&config(), steady(14)).await, (Ok(14_000), 14)));
    let (outcome, seconds) = read(&config(), steady(100)).await;
    assert!(matches!(outcome, Err(BodyError::TooSlow)), "{outcome:?}");
    assert_eq!(seconds, 15);
}

#[tokio::test(start_paused = true)]
async fn a_pause_shorter_than_the_grace_does_no_harm() {
    let body = Dripping::body(0, [(4 * SECOND, 3), (SECOND / 2, 5_000), (4 * SECOND, 3)]);
    let (outcome, _) = read(&config(), body).await;
    assert_eq!(outcome.expect("taken"), 5_006);
}

#[tokio::test(start_paused = true)]
async fn without_a_least_rate_only_the_deadline_counts() {
    let config = Config {
        body_min_bytes_per_second: 0,
        ..config()
    };
    let (outcome, seconds) = read(&config, Dripping::body(0, [(SECOND, 1); 100])).await;
    assert!(matches!(outcome, Err(BodyError::TooSlow)), "{outcome:?}");
    assert_eq!(seconds, 15);
    let (outcome, seconds) = read(&config, Dripping::body(0, [(SECOND, 1); 14])).await;
    assert_eq!((outcome.expect("taken"), seconds), (14, 14));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_waited_for_us_is_not_called_late() {
    // The whole process stood still: nothing was read, and then everything is at hand.
    let stood_still = |parts: Vec<(Duration, usize)>| async {
        let pace = Pace::of(&config());
        let budget = Budget::new(usize::MAX, Gauge::default());
        let share = budget.share(0).expect("room");
        tokio::time::advance(14 * SECOND).await;
        read_body(Dripping::body(0, parts), BodyLimit::of(1_000_000), pace, share).await
    };
    let body = stood_still(vec![(Duration::ZERO, 1), (SECOND / 2_000, 1), (Duration::ZERO, 1)]).await;
    assert_eq!(body.expect("taken").bytes.len(), 3);
    let late = stood_still(vec![(Duration::ZERO, 1), (SECOND / 2, 1)]).await;
    assert!(matches!(late, Err(BodyError::TooSlow)), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_we_missed_ourselves_is_our_trouble() {
    let pace = Pace::of(&config());
    let budget = Budget::new(usize::MAX, Gauge::default());
    let share = budget.share(0).expect("room");
    tokio::time::advance(16 * SECOND).await;
    let body = Dripping::body(0, [(Duration::ZERO, 1), (Duration::ZERO, 2)]);
    let error = read_body(body, BodyLimit::of(1_000_000), pace, share)
        .await
        .expect_err("too late");
    assert!(matches!(error, BodyError::Behind(_)), "{error:?}");
}

#[tokio::test]
async fn a_body_for_which_there_is_no_room_takes_none() {
    let used = Gauge::default();
    let budget = Budget::new(30_000, used.clone());
    let others = budget.share(1_000).expect("room");
    let share = budget.share(0).expect("room");
    let parts = [4_000, 100, 5_000, 9].map(|bytes| (Duration::ZERO, bytes));
    let error = read_body(
        Dripping::body(0, parts),
        BodyLimit::of(50_000),
        Pace::of(&config()),
        share,
    )
    .await
    .expect_err("no room");
    let BodyError::NoRoom(rest) = error else {
        panic!("{error:?}")
    };
    assert_eq!(used.get(), 1_000, "what was read is given back");
    let rest = rest.collect().await.expect("a body").to_bytes();
    assert_eq!(rest.len(), 9, "the rest can be read and dropped");
    drop(others);
    assert_eq!(used.get(), 0);
}
