-- Progress belongs to one topic, not to whatever bears its name later. Nullable and without a default: an older version goes on
-- writing beside this one, and the table is not rewritten.
ALTER TABLE sink_position ADD COLUMN topic_id text;

COMMENT ON TABLE sink_position IS 'How far each sink has read each partition, written in the transaction of the rows. Forebay itself only moves it on, and only for the topic that it was stored for. After the topic was made anew, or to read something once more: `forebay progress show` and `forebay progress set`, which set the group in the event log as well. Do not change it by hand.';
COMMENT ON COLUMN sink_position.sink IS 'The name of the sink in the configuration.';
COMMENT ON COLUMN sink_position.topic IS 'The name of the topic.';
COMMENT ON COLUMN sink_position.partition IS 'The number of the partition.';
COMMENT ON COLUMN sink_position.next_offset IS 'The next record to read; everything before it is settled.';
COMMENT ON COLUMN sink_position.updated IS 'When it was written last.';
COMMENT ON COLUMN sink_position.topic_id IS 'The id of the topic that next_offset is an offset of: a topic that was deleted and made anew has another one, and so has that of another cluster. Null: stored by an older version, or by a log without ids; the next write fills it.';
