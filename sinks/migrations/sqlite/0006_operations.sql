-- The views of the operational events: what happens to endpoints.

CREATE VIEW endpoint_failing AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.endpoint.id' AS endpoint_id,
       data ->> '$.endpoint.sink' AS sink,
       data ->> '$.endpoint.reason' AS reason,
       data ->> '$.endpoint.failing_since' AS failing_since,
       data ->> '$.endpoint.version' AS version
FROM event
WHERE type = 'endpoint.failing';

CREATE VIEW endpoint_recovered AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.endpoint.id' AS endpoint_id,
       data ->> '$.endpoint.sink' AS sink,
       data ->> '$.endpoint.reason' AS reason,
       data ->> '$.endpoint.failing_since' AS failing_since,
       data ->> '$.endpoint.version' AS version
FROM event
WHERE type = 'endpoint.recovered';

CREATE VIEW endpoint_disabled AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.endpoint.id' AS endpoint_id,
       data ->> '$.endpoint.sink' AS sink,
       data ->> '$.endpoint.reason' AS reason,
       data ->> '$.endpoint.failing_since' AS failing_since,
       data ->> '$.endpoint.version' AS version
FROM event
WHERE type = 'endpoint.disabled';
