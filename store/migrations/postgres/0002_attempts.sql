-- A stand-in.
CREATE TABLE attempt (id bigint PRIMARY KEY);
