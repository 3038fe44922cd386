// Owns: SQL text as tokens, the way SQLite's own tokenizer sees it (sqlite.org/src: tokenize.c).
// Never: knows what a statement means.

export interface Token {
  /** `name` is a bare word, `quoted` a name in "", `` or []; `text` a string or blob literal. */
  readonly kind: 'name' | 'quoted' | 'text' | 'number' | 'mark'
  /** As written. */
  readonly text: string
  /** Where it begins, in UTF-16 code units. */
  readonly at: number
}

// One alternative each: blank, comments, literal, quoted names, number, name, parameter, anything else. An unterminated
// comment or literal runs to the end, as it does in SQLite (which then complains of the literal).
const pattern =
  /[ \t\n\f\r\uFEFF]+|--[^\n]*|\/\*[^]*?(?:\*\/|$)|([xX]?'(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$))|((?:\d[\w.]*(?:[eE][+-]\d\w*)?|\.\d\w*(?:[eE][+-]\d\w*)?))|([A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*)|(<>|<=|>=|==|!=|<<|>>|->>|->|\|\||[^])/gy

export function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = []
  for (const match of sql.matchAll(pattern)) {
    const [, text, name, number, word, mark] = match
    const at = match.index
    if (text !== undefined) tokens.push({ kind: 'text', text, at })
    else if (name !== undefined) tokens.push({ kind: 'quoted', text: name, at })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at })
    else if (word !== undefined) tokens.push({ kind: 'name', text: word, at })
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark, at })
  }
  return tokens
}

/** The name that a token stands for, null where it stands for none. */
export function nameOf(token: Token | undefined): string | null {
  if (token === undefined) return null
  if (token.kind === 'name') return token.text
  if (token.kind === 'text') return /^x'/i.test(token.text) ? null : token.text.slice(1, -1).replaceAll("''", "'") // SQLite takes 'name' too
  if (token.kind !== 'quoted') return null
  const inner = token.text.slice(1, -1)
  if (token.text.startsWith('"')) return inner.replaceAll('""', '"')
  return token.text.startsWith('`') ? inner.replaceAll('``', '`') : inner
}

/**
 * The same statement without what makes no difference: blanks, comments, and the quotes that SQLite adds when it renames.
 * Not case: `"abc"` may be a text where no such column is.
 */
export function normalSql(sql: string): string {
  return tokensOf(sql)
    .map((token) => {
      const name = token.kind === 'quoted' ? nameOf(token) : null
      if (name === null) return token.text
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.has(name.toUpperCase()) ? name : `"${name.replaceAll('"', '""')}"`
    })
    .join(' ')
}

/** All keywords of SQLite: as names they keep their quotes (sqlite.org/lang_keywords.html). */
const reserved = new Set(
  `ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN BETWEEN BY CASCADE CASE CAST CHECK
COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE
DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH ELSE END ESCAPE EXCEPT EXCLUDE EXCLUSIVE EXISTS EXPLAIN FAIL FALSE FILTER FIRST
FOLLOWING FOR FOREIGN FROM FULL GENERATED GLOB GROUP GROUPS HAVING IF IGNORE IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD
INTERSECT INTO IS ISNULL JOIN KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL NULLS OF OFFSET ON OR ORDER
OTHERS OUTER OVER PARTITION PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE
RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE TEMP TEMPORARY THEN TIES TO TRANSACTION TRIGGER TRUE UNBOUNDED UNION
UNIQUE UPDATE USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT`.split(/\s+/),
)
