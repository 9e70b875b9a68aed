//! The sink `http` in the conformance suite: two endpoints, each with a receiver.

use schemas::BoxFuture;
use schemas::endpoint::Endpoint;
use schemas::id::EventId;
use schemas::sink::{Delivery, Sink, Target};

use crate::conformance::Harness;
use crate::stage::{Stage, endpoint};
use harness::receiver::{Answer, Receiver};

sink_conformance!(Endpoints::open());

struct Endpoints {
    stage: Stage,
    receivers: [(&'static str, Receiver); 2],
    /// The events that get another answer than 200.
    failing: Vec<EventId>,
}

impl Endpoints {
    async fn open() -> Self {
        let receivers = [
            ("crm", Receiver::start([Answer::Status(200)]).await),
            ("erp", Receiver::start([Answer::Status(200)]).await),
        ];
        let endpoints = Self {
            stage: Stage::new([]),
            receivers,
            failing: Vec::new(),
        };
        endpoints.register(Receiver::url);
        endpoints
    }

    fn register(&self, url: impl Fn(&Receiver) -> String) {
        let endpoints = self.receivers.iter();
        let endpoints: Vec<Endpoint> = endpoints.map(|(id, receiver)| endpoint(id, &url(receiver))).collect();
        self.stage.directory.set(endpoints);
    }

    fn receiver(&self, target: &Target) -> &Receiver {
        let found = self.receivers.iter().find(|(id, _)| target.to_string() == *id);
        &found.expect("one of the endpoints").1
    }
}

impl Harness for Endpoints {
    fn sink(&self) -> &dyn Sink {
        &*self.stage.sink
    }

    fn arguments(&self) -> Vec<(Option<&'static str>, Vec<Target>)> {
        let [crm, erp] = ["crm", "erp"].map(|id| Target::Named(id.to_owned()));
        vec![
            (None, vec![crm.clone(), erp.clone()]),
            (Some("crm"), vec![crm]),
            (Some("erp"), vec![erp]),
            (Some("unknown"), vec![]),
        ]
    }

    fn arrived<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<EventId>> {
        let accepted = self
            .receiver(target)
            .seen()
            .into_iter()
            .filter(|seen| seen.status.is_none());
        let ids = accepted.map(|seen| seen.header("webhook-id").parse().expect("an event's id"));
        let ids = ids.collect();
        Box::pin(std::future::ready(ids))
    }

    fn keeps_events_once(&self) -> bool {
        false
    }

    fn delivers_one_by_one(&self) -> bool {
        true
    }

    fn fail<'a>(&'a mut self, delivery: &'a Delivery) -> BoxFuture<'a, ()> {
        let id = delivery.event.id();
        self.receiver(&delivery.target).answer_with(&id.to_string(), Some(503));
        self.failing.push(id);
        Box::pin(std::future::ready(()))
    }

    /// The endpoints move to a port on which no one listens.
    fn cut(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = free.local_addr().expect("bound");
            drop(free);
            self.register(|_| format!("http://{address}/hook"));
        })
    }

    fn restore(&mut self) -> BoxFuture<'_, ()> {
        for id in self.failing.drain(..) {
            for (_, receiver) in &self.receivers {
                receiver.answer_with(&id.to_string(), None);
            }
        }
        self.register(Receiver::url);
        Box::pin(std::future::ready(()))
    }

    fn spoil(&self, delivery: &mut Delivery) {
        let id = delivery.event.id().to_string();
        self.receiver(&delivery.target).answer_with(&id, Some(410));
    }
}
