// Owns: what every contender can do, so that they run through one loop.
// Never: knows what it is compared with.

export interface Undone {
  /** From the call to the old content being live, and whatever this contender does of syncing and checking before it says so, ms. */
  readonly ms: number
  /** Parts of it worth a figure of their own, ms. */
  readonly parts: Readonly<Record<string, number>>
}

/** It stands at version 2 when it is made; `undo` leads to version 1, `redo` back to 2. */
export interface Contender {
  readonly name: string
  /** The directory that people use; its content is checked after each undo. */
  readonly live: string
  undo(): Promise<Undone>
  redo(): Promise<void>
  close(): Promise<void>
}
