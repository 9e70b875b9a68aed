//! Histories of the samples through both sinks, with state kept as they come, and filled afterwards: it ends the same.

use schemas::name::SinkName;
use schemas::sink::{Batch, Outcome, Sink};
use schemas::time::Timestamp;

use super::{Databases, config};
use crate::postgres::PostgresSink;
use crate::sqlite::{self, SqliteSink};
use crate::state::model::histories::{Dice, Making, Shapes, batches, history, with_repeats};
use crate::state::model::{arrived, told};
use crate::state::{Filled, FillsState, StateTables, Stretch};
use crate::table::Metrics;

async fn deliver(sink: &dyn Sink, batches: &[Batch]) {
    for batch in batches {
        let outcomes = sink.deliver(batch).await.expect("available");
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Delivered));
    }
}

async fn fill(sink: &dyn FillsState, mut stretch: Stretch) -> Filled {
    let mut all = Filled::default();
    loop {
        let filled = sink.fill_state(stretch).await.expect("available");
        let Some(last) = filled.last else { return all };
        stretch = stretch.beyond(last);
        all.add(filled);
    }
}

impl Databases {
    /// The same databases, of which no state is kept.
    async fn without_state(&self) -> (PostgresSink, SqliteSink) {
        let name = || SinkName::new("postgres").expect("valid");
        let config = crate::postgres::Config {
            state: StateTables::new([]),
            ..config(&self.postgres)
        };
        let postgres = PostgresSink::connect(&config, name(), Metrics::default()).expect("valid");
        let config = sqlite::Config {
            path: self.folder.path().join("forebay.db"),
            state: StateTables::new([]),
            ..sqlite::Config::default()
        };
        let sqlite = SqliteSink::open(&config, name(), Metrics::default())
            .await
            .expect("opens");
        (postgres, sqlite)
    }
}

#[tokio::test]
async fn kept_as_events_come_or_filled_afterwards_it_is_the_same() {
    let mut dice = Dice::new(77);
    let mut events = history(&Shapes::read(), &mut dice, 2500);
    dice.shuffle(&mut events);
    let arriving = with_repeats(&mut dice, events);
    let expected = arrived(&mut dice, &arriving);
    let batches = batches(&mut dice, 0, &arriving);

    let kept = Databases::create().await;
    deliver(&kept.postgres_sink(), &batches).await;
    deliver(&kept.sqlite, &batches).await;
    kept.assert_equal(&expected, 4).await;

    let filled = Databases::create().await;
    let (before, since) = batches.split_at(batches.len() / 2);
    let (postgres, sqlite) = filled.without_state().await;
    deliver(&postgres, before).await;
    deliver(&sqlite, before).await;
    filled.assert_equal(&told(&[]), 0).await;

    // The sink goes on, with state, while the events of before are told.
    let postgres = filled.postgres_sink();
    let all = Stretch::new(None, None);
    let (first, ()) = tokio::join!(fill(&postgres, all), deliver(&postgres, since));
    let (second, ()) = tokio::join!(fill(&filled.sqlite, all), deliver(&filled.sqlite, since));
    for filled in [&first, &second] {
        assert!(filled.events > 1000 && filled.written > 0, "{filled:?}");
        assert_eq!((filled.unread, filled.refused), (0, 0), "{filled:?}");
    }
    filled.assert_equal(&expected, 4).await;
    for again in [fill(&postgres, all).await, fill(&filled.sqlite, all).await] {
        assert_eq!(again.written, 0, "nothing is new: {again:?}");
    }
    assert_eq!(filled.deadlocks().await, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_a_stretch_is_of_its_times() {
    let databases = Databases::create().await;
    let contact = |id: &str| serde_json::json!({"contact": {"id": id}});
    let events: Vec<_> = [(0, "k0"), (10, ""), (20, "k2"), (30, "k3")]
        .map(|(seconds, id)| Making::new(seconds, "contact.updated", contact(id)).happened())
        .into();
    let batches = batches(&mut Dice::new(1), 0, &events);
    let (postgres, sqlite) = databases.without_state().await;
    deliver(&postgres, &batches).await;
    deliver(&sqlite, &batches).await;
    let [second, last] = [1, 3].map(|place: usize| Timestamp::from_millis(events[place].time.millis()));
    let stretch = Stretch::new(second, last);
    for filled in [
        fill(&databases.postgres_sink(), stretch).await,
        fill(&databases.sqlite, stretch).await,
    ] {
        assert_eq!((filled.events, filled.unread, filled.written), (2, 1, 1), "{filled:?}");
        assert_eq!((filled.first, filled.last), (Some(events[1].id), Some(events[2].id)));
    }
    let expected = told(&[(20, "contact.updated", contact("k2"))]);
    databases.assert_equal(&expected, 0).await;
}
