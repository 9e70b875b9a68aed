-- A stand-in.
CREATE TABLE backlog (id bigint PRIMARY KEY);
