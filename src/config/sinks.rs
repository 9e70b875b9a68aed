//! The section `sinks`: the settings of each sink are its own, but for `retry`, which is the processor's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use processor::Schedule;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use schemas::name::SinkName;
use schemas::setting::{Findings, Invalid, within};
use schemas::spec::Retry;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::json;

/// The names of all sinks that there are.
pub(crate) const SINKS: [&str; 4] = ["http", "postgres", "sqlite", "topic"];

/// The member that each section has beside the sink's own.
const RETRY: &str = "retry";

/// The waits of the sink `http` with a store, where the configuration says nothing about them: an endpoint may be away for a day,
/// as Standard Webhooks recommends.
const STORED_STEPS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(10),
];

/// The same without a store, where deliveries wait in memory. A full window shortens them.
const HTTP_STEPS: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
];

/// Where events go. A sink that is named here runs; rules decide what it gets.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(from = "Sections")]
pub(crate) struct SinksConfig {
    pub(crate) postgres: Option<sinks::postgres::Config>,
    pub(crate) sqlite: Option<sinks::sqlite::Config>,
    pub(crate) http: Option<sinks::http::Config>,
    pub(crate) topic: Option<sinks::topic::Config>,
    /// By the name of the sink, where it has one.
    pub(crate) retry: BTreeMap<&'static str, Retry>,
}

impl SinksConfig {
    /// The names of the sinks that are named, in their order.
    pub(crate) fn names(&self) -> Vec<SinkName> {
        let all = [
            ("http", self.http.is_some()),
            ("postgres", self.postgres.is_some()),
            ("sqlite", self.sqlite.is_some()),
            ("topic", self.topic.is_some()),
        ];
        all.into_iter()
            .filter(|(_, there)| *there)
            .map(|(sink, _)| SinkName::new(sink).unwrap_or_else(|_| unreachable!("a literal name is valid")))
            .collect()
    }

    /// Only those of the sinks that are wanted, as if no other were named; all, if none is wanted.
    pub(crate) fn only(&self, wanted: &[SinkName]) -> Self {
        let is_wanted = |sink: &str| wanted.is_empty() || wanted.iter().any(|name| name.as_str() == sink);
        let mut only = self.clone();
        only.postgres.take_if(|_| !is_wanted("postgres"));
        only.sqlite.take_if(|_| !is_wanted("sqlite"));
        only.http.take_if(|_| !is_wanted("http"));
        only.topic.take_if(|_| !is_wanted("topic"));
        only
    }

    /// Checks every sink's own `retry`: its values, and that a delivery is not tried for longer than the log keeps its
    /// record, which holds the partition's progress meanwhile. What waits in the store holds none.
    pub(super) fn check_retry(
        &self,
        worker: &processor::Config,
        retention_hours: u64,
        has_store: bool,
    ) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        let unsaid = self.http.as_ref().map(|_| "http");
        let unsaid = unsaid.filter(|sink| !self.retry.contains_key(sink));
        for sink in self.retry.keys().copied().chain(unsaid) {
            let Some(schedule) = found.keep(self.schedule(sink, worker, has_store)) else {
                continue;
            };
            if sink == "http" && has_store {
                continue;
            }
            let span = schedule.span();
            // None at all is refused by itself.
            if retention_hours > 0 && span.as_secs() >= retention_hours.saturating_mul(3600) {
                let reason = format!(
                    "tries a delivery again for {} hours, but `event_log.retention_hours` is {retention_hours}: give shorter \
                     waits or fewer attempts, because a record whose delivery waits must still be in the log after a restart",
                    span.as_secs().div_ceil(3600)
                );
                found.add(format!("sinks.{sink}.retry"), reason);
            }
        }
        found.into_result()
    }

    /// Returns when deliveries to `sink` are tried again: by its own `retry`, or by the worker's settings;
    /// `http` has waits of its own where neither says anything.
    pub(super) fn schedule_of(
        &self,
        sink: &SinkName,
        worker: &processor::Config,
        has_store: bool,
    ) -> Result<Schedule, Vec<Invalid>> {
        self.schedule(sink.as_str(), worker, has_store)
    }

    fn schedule(&self, sink: &str, worker: &processor::Config, has_store: bool) -> Result<Schedule, Vec<Invalid>> {
        let Some(retry) = self.retry.get(sink) else {
            let schedule = worker.schedule();
            let unsaid = schedule == processor::Config::default().schedule();
            return Ok(match sink {
                "http" if unsaid && has_store => Schedule::Steps(STORED_STEPS.to_vec()),
                "http" if unsaid => Schedule::Steps(HTTP_STEPS.to_vec()),
                _ => schedule,
            });
        };
        let schedule = worker.schedule_of(retry);
        schedule.map_err(|found| within(&format!("sinks.{sink}.retry"), found))
    }
}

/// The section as it is written.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Sections {
    postgres: Option<Section<sinks::postgres::Config>>,
    sqlite: Option<Section<sinks::sqlite::Config>>,
    http: Option<Section<sinks::http::Config>>,
    topic: Option<Section<sinks::topic::Config>>,
}

impl From<Sections> for SinksConfig {
    fn from(sections: Sections) -> Self {
        fn split<C>(
            sink: &'static str,
            section: Option<Section<C>>,
            all: &mut BTreeMap<&'static str, Retry>,
        ) -> Option<C> {
            let Section { settings, retry } = section?;
            all.extend(retry.map(|retry| (sink, retry)));
            Some(settings)
        }
        let mut retry = BTreeMap::new();
        Self {
            postgres: split("postgres", sections.postgres, &mut retry),
            sqlite: split("sqlite", sections.sqlite, &mut retry),
            http: split("http", sections.http, &mut retry),
            topic: split("topic", sections.topic, &mut retry),
            retry,
        }
    }
}

/// The settings of one sink, and its `retry`.
struct Section<C> {
    settings: C,
    retry: Option<Retry>,
}

impl<C: JsonSchema> JsonSchema for Section<C> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}_with_retry", C::schema_id().replace("::", "_")).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let retry = generator.subschema_for::<Option<Retry>>();
        let mut schema = C::json_schema(generator);
        let members = schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
        if let Some(members) = members.as_object_mut() {
            members.insert(RETRY.to_owned(), retry.into());
        }
        schema
    }
}

impl<'de, C: Deserialize<'de>> Deserialize<'de> for Section<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Whole(PhantomData))
    }
}

struct Whole<C>(PhantomData<C>);

impl<'de, C: Deserialize<'de>> Visitor<'de> for Whole<C> {
    type Value = Section<C>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings of a sink")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut retry = None;
        let settings = C::deserialize(WithoutRetry {
            map,
            retry: &mut retry,
            fields: &[],
        })?;
        Ok(Section { settings, retry })
    }
}

/// A section as its sink reads it: `retry` is taken out on the way. Nothing is kept in between, so that every error names
/// its place.
struct WithoutRetry<'r, A> {
    map: A,
    retry: &'r mut Option<Retry>,
    /// What the sink knows.
    fields: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for WithoutRetry<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        MapAccessDeserializer::new(self).deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        Self { fields, ..self }.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutRetry<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = seed;
        loop {
            let fields = self.fields;
            match self.map.next_key_seed(Key { seed, fields })? {
                None => return Ok(None),
                Some(Ok(key)) => return Ok(Some(key)),
                Some(Err(unused)) => {
                    *self.retry = Some(self.map.next_value()?);
                    seed = unused;
                }
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// One key: the sink's, or `Err` with what was to read it, if it is `retry`.
struct Key<K> {
    seed: K,
    fields: &'static [&'static str],
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<K> {
    type Value = Result<K::Value, K>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for Key<K> {
    type Value = Result<K::Value, K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a setting")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        if name == RETRY {
            return Ok(Err(self.seed));
        }
        if !self.fields.contains(&name) {
            let mut fields = self.fields.to_vec();
            fields.push(RETRY);
            let fields = fields.join(", ");
            return Err(E::custom(format!("unknown field `{name}`, expected one of {fields}")));
        }
        let name: StrDeserializer<'_, E> = name.into_deserializer();
        self.seed.deserialize(name).map(Ok)
    }
}
