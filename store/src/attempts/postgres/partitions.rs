//! The partitions of the table: one per day of UTC, `attempt_20260131`. What has another name is no one's business here.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use database::postgres::Session;
use schemas::time::Timestamp;
use sqlx::{AssertSqlSafe, Row as _};

use super::refusal::is_locked;
use super::sql;

/// So many days beyond today have a partition: as long may it fail to make the next.
const DAYS_AHEAD: u64 = 3;
const PREFIX: &str = "attempt_";

/// Makes the partitions of today and of the days to come, and drops those whose last row is older than the retention.
pub(super) async fn look_after(
    connection: &mut Session,
    now: Timestamp,
    retention_days: u32,
) -> Result<(), sqlx::Error> {
    let today = now.to_datetime().date_naive();
    let wanted = wanted(today);
    if !wanted.is_subset(&days(connection).await?) {
        make(connection, &wanted).await?;
    }
    drop_old(connection, today, retention_days).await
}

fn wanted(today: NaiveDate) -> BTreeSet<NaiveDate> {
    let days = (0..=DAYS_AHEAD).filter_map(|ahead| today.checked_add_days(Days::new(ahead)));
    days.collect()
}

/// The statements that make the partitions of today and of the days to come, for a script that has just made the table.
pub(in crate::attempts) fn ahead(now: Timestamp) -> String {
    let statement = |day: NaiveDate| {
        let (name, next) = (day.format("%Y%m%d"), day.succ_opt()?);
        Some(format!(
            "CREATE TABLE IF NOT EXISTS {PREFIX}{name} PARTITION OF attempt\n    \
             FOR VALUES FROM ('{day} 00:00:00+00') TO ('{next} 00:00:00+00');"
        ))
    };
    let days = wanted(now.to_datetime().date_naive());
    days.into_iter().filter_map(statement).collect::<Vec<_>>().join("\n")
}

/// The days that have a partition.
pub(super) async fn days(connection: &mut Session) -> Result<BTreeSet<NaiveDate>, sqlx::Error> {
    Ok(partitions(connection).await?.into_iter().map(|(day, _)| day).collect())
}

/// Each day that has a partition, and the partition's name as SQL writes it.
async fn partitions(connection: &mut Session) -> Result<Vec<(NaiveDate, String)>, sqlx::Error> {
    let rows = sqlx::query(sql::PARTITIONS).fetch_all(connection).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let name: String = row.try_get(0)?;
        let day = name
            .strip_prefix(PREFIX)
            .map(|day| NaiveDate::parse_from_str(day, "%Y%m%d"));
        if let Some(Ok(day)) = day {
            found.push((day, row.try_get(1)?));
        }
    }
    Ok(found)
}

/// All processes make them, and one at a time. A table is made apart and attached then, which neither readers nor writers of
/// other days wait for; `CREATE TABLE … PARTITION OF` would lock all of them out.
async fn make(connection: &mut Session, wanted: &BTreeSet<NaiveDate>) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with(sql::FOR_PARTITIONS).await?;
    let exist = days(&mut transaction).await?;
    for day in wanted.difference(&exist) {
        let name = format!("{PREFIX}{}", day.format("%Y%m%d"));
        let Some(next) = day.succ_opt() else {
            continue;
        };
        // Dates of ours alone are put into the text.
        let statements = format!(
            "CREATE TABLE IF NOT EXISTS {name} (LIKE attempt INCLUDING ALL EXCLUDING INDEXES);
             ALTER TABLE attempt ATTACH PARTITION {name} FOR VALUES FROM ('{day} 00:00:00+00') TO ('{next} 00:00:00+00')"
        );
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// Each in a transaction of its own, for it locks out all who read or write the log. One that cannot be had within a second, since
/// someone reads for long, is left for the next hour.
async fn drop_old(connection: &mut Session, today: NaiveDate, retention_days: u32) -> Result<(), sqlx::Error> {
    let Some(oldest_kept) = today.checked_sub_days(Days::new(u64::from(retention_days))) else {
        return Ok(());
    };
    for (day, name) in partitions(connection).await? {
        if day >= oldest_kept {
            continue;
        }
        let mut transaction = connection.begin_with(sql::FOR_DROP).await?;
        // The name is as the server quotes it.
        let statement = format!("DROP TABLE IF EXISTS {name}");
        match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await {
            Ok(_) => transaction.commit().await?,
            Err(error) if is_locked(&error) => {
                transaction.rollback().await?;
                tracing::info!(
                    partition = name,
                    "old attempts are not dropped yet, because a query reads the table `attempt`; trying again in an hour"
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
