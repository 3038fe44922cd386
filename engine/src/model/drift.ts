// Owns: what a look at a resource found, beside what the last change left of it.
// Never: says who did it.
import type { Json } from '@understudy/contract'

export interface ChangeRow {
  readonly resource: string
  readonly kind: string
  /** The state is another one, or it is gone. */
  readonly drifted: boolean
  readonly saved: Json
  readonly live: { readonly state: Json; readonly out: Json } | null
  /** Pointers that differ, where the kind has components. */
  readonly pointers: readonly string[]
}
