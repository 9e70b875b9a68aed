-- A stand-in.
CREATE TABLE attempt (id INTEGER PRIMARY KEY);
