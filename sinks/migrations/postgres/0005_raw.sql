-- What a body is kept as, exactly: the white space around it is kept too.
COMMENT ON COLUMN event.raw IS 'What the platform sent, byte for byte, the white space around it too (UTF-8 JSON for most platforms: convert_from(raw, ''UTF8'')). A body of several events gives each its part; credentials in it are blanked to null, every other byte stays. Empty if the event has none.';
COMMENT ON COLUMN event.raw_sha256 IS 'SHA-256 of the request body as it was received: sha256(raw), unless raw is a part of the body or something in it was blanked.';
