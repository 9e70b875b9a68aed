-- A stand-in.
CREATE TABLE backlog (id INTEGER PRIMARY KEY);
