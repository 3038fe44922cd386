-- The service before this one goes on reading and writing items while it is turned: what is new has a default.
ALTER TABLE items ADD COLUMN stock INTEGER NOT NULL DEFAULT 0;

UPDATE items SET stock = 12 WHERE id IN ('apple', 'bread');
