//! Creates and checks topics.

use schemas::log::{LogError, TopicSpec, TopicState};
use schemas::name::{GroupName, TopicName};
use sqlx::{Connection, SqliteConnection};

use super::catalog::Topic;
use super::progress::GroupId;
use super::shared::Shared;

/// Row ids of partitions leave room for this many; see the layout.
const MAX_PARTITIONS: i32 = 10_000;

/// SQLite stores no value beyond 10^9 bytes; half of it leaves room for the rest of the row.
const MAX_RECORD_BYTES: u32 = 500_000_000;

/// What to do about a topic that does not exist.
pub(super) const MISSING_HELP: &str =
    "`forebay migrate` makes Forebay's own topics; a journal holds no others, so a rule that names one needs Kafka";

/// Creates the missing topics. An existing topic gets the retention and record size of `topics` (only the journal uses
/// these settings, so there is nothing to refuse); its partition count must be the same.
///
/// The outer error is one of the disk, the inner one a mistake of the caller.
pub(super) async fn ensure(
    shared: &Shared,
    connection: &mut SqliteConnection,
    topics: &[TopicSpec],
) -> Result<Result<(), LogError>, sqlx::Error> {
    for spec in topics {
        let known = shared.catalog.topic(&spec.name);
        if let Err(refused) = check_spec(spec).and_then(|()| known.map_or(Ok(()), |t| check_count(shared, spec, &t))) {
            return Ok(Err(refused));
        }
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for spec in topics {
        let topic: i64 = sqlx::query_scalar(
            "INSERT INTO topic (name, partitions, retention_ms, max_record_bytes, uid)
             VALUES (?, ?, ?, ?, lower(hex(randomblob(16))))
             ON CONFLICT (name) DO UPDATE
             SET retention_ms = excluded.retention_ms, max_record_bytes = excluded.max_record_bytes
             RETURNING id",
        )
        .bind(spec.name.as_str())
        .bind(spec.partitions)
        .bind(retention_ms(spec))
        .bind(spec.max_record_bytes)
        .fetch_one(&mut *transaction)
        .await?;
        for number in 0..spec.partitions {
            sqlx::query("INSERT OR IGNORE INTO topic_partition (topic_id, number, earliest) VALUES (?, ?, 0)")
                .bind(topic)
                .bind(number)
                .execute(&mut *transaction)
                .await?;
        }
    }
    transaction.commit().await?;
    shared.catalog.refresh(connection).await?;
    Ok(Ok(()))
}

/// Compares `topics` with what exists.
pub(super) fn check(shared: &Shared, topics: &[TopicSpec]) -> Result<(), LogError> {
    for spec in topics {
        check_spec(spec)?;
        let topic = shared
            .catalog
            .topic(&spec.name)
            .ok_or_else(|| missing(shared, &spec.name))?;
        check_count(shared, spec, &topic)?;
        let weaker = |setting: &str, found: String, wanted: String| {
            Err(LogError::Misconfigured(format!(
                "topic `{}` in {} has {setting} {found}, wanted {wanted}: run `forebay migrate`",
                spec.name,
                shared.name()
            )))
        };
        if i64::try_from(topic.max_record_bytes()).unwrap_or(i64::MAX) < i64::from(spec.max_record_bytes) {
            return weaker(
                "max_record_bytes",
                topic.max_record_bytes().to_string(),
                spec.max_record_bytes.to_string(),
            );
        }
        if topic.retention_ms() < retention_ms(spec) {
            return weaker(
                "retention",
                format!("{} ms", topic.retention_ms()),
                format!("{} ms", retention_ms(spec)),
            );
        }
    }
    Ok(())
}

/// Returns what each topic is now. What differs but for the number of partitions is changed by [`ensure`].
pub(super) fn compare(shared: &Shared, topics: &[TopicSpec]) -> Vec<TopicState> {
    let state = |spec: &TopicSpec| {
        let topic = shared.catalog.topic(&spec.name);
        let refused =
            check_spec(spec).and_then(|()| topic.as_ref().map_or(Ok(()), |topic| check_count(shared, spec, topic)));
        let mut remarks = Vec::new();
        if let Some(topic) = &topic {
            let (name, found) = (&spec.name, topic.retention_ms());
            if found != retention_ms(spec) {
                let wanted = retention_ms(spec);
                remarks.push(format!(
                    "topic `{name}` keeps records for {found} ms, wanted {wanted}: `forebay migrate` changes it"
                ));
            }
            let (found, wanted) = (topic.max_record_bytes(), spec.max_record_bytes);
            if u64::try_from(found).unwrap_or(u64::MAX) != u64::from(wanted) {
                remarks.push(format!(
                    "topic `{name}` takes records of {found} bytes, wanted {wanted}: `forebay migrate` changes it"
                ));
            }
        }
        TopicState {
            name: spec.name.clone(),
            partitions: topic.map(|topic| i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)),
            problems: refused.err().map(|error| error.to_string()).into_iter().collect(),
            remarks,
        }
    };
    topics.iter().map(state).collect()
}

/// The error for a topic that does not exist.
pub(super) fn missing(shared: &Shared, topic: &TopicName) -> LogError {
    LogError::Misconfigured(format!(
        "there is no topic `{topic}` in {}: {MISSING_HELP}",
        shared.name()
    ))
}

/// Returns the id of the group, which retention considers from now on.
pub(super) async fn join_group(
    connection: &mut SqliteConnection,
    topic: i64,
    group: &GroupName,
) -> Result<GroupId, sqlx::Error> {
    sqlx::query("INSERT OR IGNORE INTO reader_group (topic_id, name) VALUES (?, ?)")
        .bind(topic)
        .bind(group.as_str())
        .execute(&mut *connection)
        .await?;
    let id = sqlx::query_scalar("SELECT id FROM reader_group WHERE topic_id = ? AND name = ?")
        .bind(topic)
        .bind(group.as_str())
        .fetch_one(connection)
        .await?;
    Ok(GroupId(id))
}

fn check_spec(spec: &TopicSpec) -> Result<(), LogError> {
    let name = &spec.name;
    if !(1..=MAX_PARTITIONS).contains(&spec.partitions) {
        return Err(LogError::Misconfigured(format!(
            "topic `{name}` cannot have {} partitions: a journal takes 1 to {MAX_PARTITIONS}",
            spec.partitions
        )));
    }
    if spec.max_record_bytes > MAX_RECORD_BYTES {
        return Err(LogError::Misconfigured(format!(
            "topic `{name}` cannot take records of {} bytes: a journal takes at most {MAX_RECORD_BYTES}",
            spec.max_record_bytes
        )));
    }
    Ok(())
}

fn check_count(shared: &Shared, spec: &TopicSpec, topic: &Topic) -> Result<(), LogError> {
    let found = topic.partitions.len();
    if usize::try_from(spec.partitions) == Ok(found) {
        return Ok(());
    }
    Err(LogError::Misconfigured(format!(
        "topic `{}` in {} has {found} partitions, wanted {}: set the count to {found}, or start with an empty journal",
        spec.name,
        shared.name(),
        spec.partitions
    )))
}

fn retention_ms(spec: &TopicSpec) -> i64 {
    i64::try_from(spec.retention.as_millis()).unwrap_or(i64::MAX)
}
