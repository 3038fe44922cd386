// Owns: what the seam needs to know of a validator. Structural, so that zod (or any other) fits without being imported.
// Never: names a validation library.
import type { Json } from './json.ts'

/** One complaint about untrusted input. `path` leads from the root of the value to the wrong place. */
export interface Issue {
  readonly message: string
  readonly path: readonly PropertyKey[]
}

/**
 * Parses untrusted JSON into T, or says what is wrong and where. A zod schema is one (`safeParse`).
 * Defaults are filled in by parsing, so what is parsed twice is the same as what is parsed once.
 */
export interface Schema<T> {
  safeParse(
    value: unknown,
  ): { readonly success: true; readonly data: T } | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } }
}

/** A schema that editors can use as well: JSON Schema draft 2020-12 of what it accepts. */
export interface DescribedSchema<T> extends Schema<T> {
  /** JSON Schema of the input side; with zod: `z.toJSONSchema(schema, { io: 'input' })`. */
  readonly describe: () => Json
}
