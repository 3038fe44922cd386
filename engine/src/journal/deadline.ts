// Owns: when the time of a change is over. Neither clock is trusted alone: the wall clock may be set, the other one starts anew at a reboot.
// Never: looks at anything but the clocks.
import type { Ports } from '../exec/ports.ts'
import type { BootTime, ChangeState } from '../model/journal.ts'

export type Clocks = Pick<Ports, 'clock' | 'uptimeMs' | 'self'>

/** That time of the wall clock (ms since 1970), by both clocks. */
export function deadlineAt(
  { clock, uptimeMs, self }: Clocks,
  confirmBy: number,
): { readonly confirmBy: number; readonly confirmOn: BootTime } {
  const from = uptimeMs()
  return { confirmBy, confirmOn: { boot: self.boot, from, until: from + confirmBy - clock.now() } }
}

/**
 * Ms until then, none or less when it is over; null without a deadline. Within the boot in which it was asked for, setting the wall
 * clock brings it neither nearer nor farther. A clock that stands before that moment is another one: a container was started again.
 */
export function leftMs(
  { clock, uptimeMs, self }: Clocks,
  { confirmBy, confirmOn }: Pick<ChangeState, 'confirmBy' | 'confirmOn'>,
): number | null {
  if (confirmBy === null) return null
  const up = uptimeMs()
  return confirmOn !== null && confirmOn.boot === self.boot && up >= confirmOn.from ? confirmOn.until - up : confirmBy - clock.now()
}
