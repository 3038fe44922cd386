// Owns: the words for a change that is undone by itself: until when, and what happens then.
// Never: decides whether its time has come.
import type { ChangeState, Lasts } from '@understudy/engine'

/** Of the change that waits for its time; nothing for another one. */
export function lastingText(change: Pick<ChangeState, 'confirmBy' | 'lastsUntil'> | null, over: boolean): readonly string[] {
  if (change === null || change.confirmBy === null) return []
  const at = new Date(change.confirmBy).toISOString()
  if (change.lastsUntil === null)
    return [over ? `it was not confirmed by ${at}: it is being undone` : `waits to be confirmed until ${at}, then it is undone`]
  if (over) return [`temporary: its time was over at ${at}, it is being undone`]
  return [`temporary: lasts until ${at}, then it is undone by itself; \`understudy confirm\` makes it permanent`]
}

/** Before it is applied; `length` as it was given. */
export function willLastText(lasts: Lasts | null, length: string | null): readonly string[] {
  if (lasts === null) return []
  const how = 'until' in lasts ? `until ${new Date(lasts.until).toISOString()}` : `for ${length ?? ''} from when it is applied`
  return [`  · temporary: ${how}, then it is undone by itself`]
}
