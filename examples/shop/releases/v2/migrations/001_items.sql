CREATE TABLE items (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  price_cents INTEGER NOT NULL DEFAULT 0
);

INSERT INTO items VALUES ('apple', 'Apple', 40), ('bread', 'Bread', 320);
