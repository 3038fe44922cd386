CREATE TABLE reviews (
  item TEXT NOT NULL REFERENCES items (id),
  author TEXT NOT NULL,
  stars INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
  PRIMARY KEY (item, author)
);

INSERT INTO reviews SELECT id, 'baker', 5 FROM items WHERE id = 'bread';
