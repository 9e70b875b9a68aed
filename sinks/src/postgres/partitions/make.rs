//! Making partitions: beside readers and writers, who wait for nothing.

use std::time::{Duration, Instant};

use database::postgres::Session;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::period::id_at;
use super::span::{Span, missing};
use super::{Settings, sql};

/// How long another maker is waited for.
const OTHERS: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The table `event`, as this user sees it.
#[derive(Debug)]
pub(super) struct Table {
    /// As SQL writes it.
    pub(super) schema: String,
    owner: String,
    owned_by_another: bool,
    /// Whether this user may make partitions.
    pub(super) may_make: bool,
    /// The server's time; ours, where that is earlier: a clock that is ahead must not cost an event.
    pub(super) now_ms: i64,
}

/// A partition of `event`. A default partition has no span.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) name: String,
    pub(super) span: Option<Span>,
}

/// What a maker did and found.
#[derive(Debug)]
pub(super) struct Made {
    /// The partitions that were made.
    pub(super) names: Vec<String>,
    /// Whether this user may make them.
    pub(super) may_make: bool,
    /// The lowest id that is stored.
    pub(super) horizon: Uuid,
}

/// Makes partitions for the days to come.
pub(super) async fn ahead(connection: &mut Session, settings: &Settings) -> Result<Made, sqlx::Error> {
    for_ids(connection, settings, &[]).await
}

/// Makes partitions for the days to come and for these ids. What this user may not make is left out.
pub(super) async fn for_ids(connection: &mut Session, settings: &Settings, ids: &[u128]) -> Result<Made, sqlx::Error> {
    let table = table(connection).await?;
    let deadline = Instant::now() + OTHERS;
    loop {
        let horizon = horizon(connection).await?;
        let wanted = wanted(connection, settings, &table, horizon, ids).await?;
        let made = |names: Vec<String>, horizon: Uuid| Made {
            names,
            may_make: table.may_make,
            horizon,
        };
        if wanted.is_empty() || !table.may_make {
            return Ok(made(Vec::new(), horizon));
        }
        let mut transaction = connection.begin().await?;
        let ours: bool = sqlx::query_scalar(sql::TRY_LOCK).fetch_one(&mut *transaction).await?;
        if ours {
            // Once more: nobody changes them from here on.
            let horizon = self::horizon(&mut transaction).await?;
            let wanted = self::wanted(&mut transaction, settings, &table, horizon, ids).await?;
            for span in &wanted {
                let statements = statements(&table, *span);
                sqlx::raw_sql(AssertSqlSafe(statements))
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            return Ok(made(wanted.iter().map(|span| span.name()).collect(), horizon));
        }
        transaction.rollback().await?;
        if Instant::now() >= deadline {
            // They have it in hand.
            return Ok(made(Vec::new(), horizon));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

pub(super) async fn table(connection: &mut Session) -> Result<Table, sqlx::Error> {
    let row = sqlx::query(sql::TABLE).fetch_one(connection).await?;
    let ours = chrono::Utc::now().timestamp_millis();
    Ok(Table {
        schema: row.try_get(0)?,
        owner: row.try_get(1)?,
        owned_by_another: row.try_get(2)?,
        may_make: row.try_get(3)?,
        now_ms: ours.min(row.try_get(4)?),
    })
}

pub(super) async fn partitions(connection: &mut Session) -> Result<Vec<Partition>, sqlx::Error> {
    let rows = sqlx::query(sql::PARTITIONS).fetch_all(connection).await?;
    let partition = |row: &sqlx::postgres::PgRow| {
        Ok(Partition {
            name: row.try_get(0)?,
            span: row.try_get::<Option<&str>, _>(1)?.and_then(Span::parse),
        })
    };
    rows.iter().map(partition).collect()
}

/// The spans of the partitions that there are.
pub(super) async fn spans(connection: &mut Session) -> Result<Vec<Span>, sqlx::Error> {
    let partitions = partitions(connection).await?;
    Ok(partitions.iter().filter_map(|partition| partition.span).collect())
}

pub(super) async fn horizon(connection: &mut Session) -> Result<Uuid, sqlx::Error> {
    let horizon = sqlx::query_scalar(sql::HORIZON).fetch_optional(connection).await?;
    Ok(horizon.unwrap_or_default())
}

async fn wanted(
    connection: &mut Session,
    settings: &Settings,
    table: &Table,
    horizon: Uuid,
    ids: &[u128],
) -> Result<Vec<Span>, sqlx::Error> {
    let spans = spans(connection).await?;
    let ahead_ms = i64::try_from(settings.ahead.as_millis()).unwrap_or(i64::MAX);
    let ahead = Span {
        from: id_at(table.now_ms),
        to: id_at(table.now_ms.saturating_add(ahead_ms)),
    };
    Ok(missing(&spans, settings.period, horizon.as_u128(), ahead, ids))
}

/// A table of its own first, which is attached then: that does not wait for whoever reads or writes `event`, as `PARTITION OF` does.
///
/// Rights that a new table has by default are taken off: by way of a partition, no one reads what `event` does not show.
fn statements(table: &Table, span: Span) -> String {
    let Table { schema, owner, .. } = table;
    let name = span.name();
    let literal = schema.replace('\'', "''");
    let (from, to) = (Uuid::from_u128(span.from), Uuid::from_u128(span.to));
    let give = if table.owned_by_another {
        format!("ALTER TABLE {schema}.{name} OWNER TO {owner};\n")
    } else {
        String::new()
    };
    format!(
        "CREATE TABLE {schema}.{name} (LIKE {schema}.event INCLUDING ALL);
{give}DO $$ DECLARE who oid; BEGIN
    FOR who IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) AS a
               WHERE c.oid = '{literal}.{name}'::regclass AND a.grantee <> c.relowner LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', '{literal}.{name}'::regclass,
                       CASE who WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(who)) END);
    END LOOP;
END $$;
COMMENT ON TABLE {schema}.{name} IS 'A partition of event.';
ALTER TABLE {schema}.event ATTACH PARTITION {schema}.{name} FOR VALUES FROM ('{from}') TO ('{to}')"
    )
}
