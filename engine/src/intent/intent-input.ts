// Owns: what the intent is read from, as asked, and what has been read for it.
// Never: holds a value of a secret beyond the reading.

export interface IntentInput {
  /** Path of the stack file as the user gave it: `.yaml`, `.yml`, `.json`, `.ts`, `.mts`, `.js`, `.mjs`. */
  readonly file: string
  /** `--var name=text`. */
  readonly vars: Readonly<Record<string, string>>
  /** Paths, later ones over earlier ones. */
  readonly varFiles: readonly string[]
  /** Names or paths of layers, laid over in this order, after the environment's. */
  readonly layers?: readonly string[]
  /** Name of the environment: its layer is laid over first. */
  readonly env?: string
  /** Packages whose kinds could not be loaded, and why: complained about where the stack file names them. */
  readonly unusable?: Readonly<Record<string, string>>
}

/** A file as it was read; the intent is named by all of them. */
export interface ReadFile {
  readonly file: string
  readonly bytes: Uint8Array
}
