-- How many events each hour has. What each column means stands in ../postgres/0014_hours.sql.
CREATE TABLE event_hour (
    hour          TEXT    NOT NULL,
    tenant        TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    platform      TEXT    NOT NULL,
    type          TEXT    NOT NULL,
    log_partition INTEGER NOT NULL,
    count         INTEGER NOT NULL,
    PRIMARY KEY (hour, tenant, source, platform, type, log_partition)
) STRICT, WITHOUT ROWID;

CREATE VIEW event_volume AS
SELECT hour, tenant, source, platform, type, sum(count) AS count
FROM event_hour
GROUP BY hour, tenant, source, platform, type;

-- The rows that are there. The milliseconds of an id are its first twelve hexadecimal digits, for which SQLite has no function.
INSERT INTO event_hour (hour, tenant, source, platform, type, log_partition, count)
SELECT strftime('%Y-%m-%dT%H:00:00.000Z', ms / 1000, 'unixepoch'), tenant, source, platform, type, log_partition, count(*)
FROM (SELECT tenant, source, platform, type, log_partition,
              (instr('0123456789abcdef', substr(id, 1, 1)) - 1) * 17592186044416 +
              (instr('0123456789abcdef', substr(id, 2, 1)) - 1) * 1099511627776 +
              (instr('0123456789abcdef', substr(id, 3, 1)) - 1) * 68719476736 +
              (instr('0123456789abcdef', substr(id, 4, 1)) - 1) * 4294967296 +
              (instr('0123456789abcdef', substr(id, 5, 1)) - 1) * 268435456 +
              (instr('0123456789abcdef', substr(id, 6, 1)) - 1) * 16777216 +
              (instr('0123456789abcdef', substr(id, 7, 1)) - 1) * 1048576 +
              (instr('0123456789abcdef', substr(id, 8, 1)) - 1) * 65536 +
              (instr('0123456789abcdef', substr(id, 10, 1)) - 1) * 4096 +
              (instr('0123456789abcdef', substr(id, 11, 1)) - 1) * 256 +
              (instr('0123456789abcdef', substr(id, 12, 1)) - 1) * 16 +
              (instr('0123456789abcdef', substr(id, 13, 1)) - 1) * 1 AS ms
      FROM event)
GROUP BY 1, 2, 3, 4, 5, 6;
