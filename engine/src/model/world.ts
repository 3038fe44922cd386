// Owns: a world as data: which part of it is each resource. Can be reopened after a crash or handed to another process.
// Never: says to a provider which world is the primary.
import type { Json } from '@understudy/contract'

export interface World {
  readonly id: string
  /** The world it was forked from; null for the primary. */
  readonly parent: string | null
  /** Id of a resource → part. */
  readonly parts: Readonly<Record<string, Json>>
}

export const PRIMARY = 'primary'

/** A resource's own directory in a world. Names are `[a-z0-9-]`, with `@` for what stands at a former home. */
export function roomOf(rooms: string, world: string, id: string): string {
  return `${rooms}/${world}/${id}`
}
