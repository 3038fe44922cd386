// Owns: the simulated machine: what is live by path, what stands beside it, and time.
// Never: survives as anything but a value: a crash is a copy of it.
import { Fault } from '@understudy/contract'

/** What stands under a path: two halves, so that something written in place can be found half done. */
export interface File {
  readonly inode: number
  readonly halves: readonly [string, string]
}

export interface Machine {
  readonly live: Map<string, File>
  /** What stands beside a path under the key of a step; null is absence. */
  readonly beside: Map<string, File | null>
  /** What nobody may lose: put aside where a side is let go of that somebody wrote to. */
  readonly kept: Set<string>
  inode: number
  /** How often anything was written. */
  writes: number
}

export function newMachine(): Machine {
  return { live: new Map(), beside: new Map(), kept: new Set(), inode: 1, writes: 0 }
}

export function copyMachine({ live, beside, kept, inode, writes }: Machine): Machine {
  return { live: new Map(live), beside: new Map(beside), kept: new Set(kept), inode, writes }
}

export function fileOf(machine: Machine, text: string): File {
  machine.inode += 1
  return { inode: machine.inode, halves: [text, text] }
}

/** A text if it is whole. */
export function textOf({ halves: [a, b] }: File): string {
  return a === b ? a : `${a}|${b}`
}

export function sameFile(a: File | null, b: File | null): boolean {
  return a === null || b === null ? a === b : a.inode === b.inode && textOf(a) === textOf(b)
}

interface Timer {
  readonly at: number
  readonly fire: () => void
}

/** Virtual time: it only passes where nothing else can happen. */
export interface Time {
  monotonic: number
  /** What the wall clock says more than the monotonic one. */
  wall: number
  timers: Timer[]
}

export function newTime(): Time {
  return { monotonic: 1_000, wall: 1_700_000_000_000, timers: [] }
}

export function after(time: Time, ms: number, fire: () => void): () => void {
  const timer = { at: time.monotonic + ms, fire }
  time.timers.push(timer)
  return () => void (time.timers = time.timers.filter((one) => one !== timer))
}

/** Fires the next timer. False where there is none. */
export function pass(time: Time): boolean {
  const next = time.timers.reduce<Timer | null>((first, one) => (first === null || one.at < first.at ? one : first), null)
  if (next === null) return false
  time.timers = time.timers.filter((one) => one !== next)
  time.monotonic = Math.max(time.monotonic, next.at)
  next.fire()
  return true
}

export function simFault(code: string, kind: 'forbidden' | 'conflict' | 'transient' | 'outcome-unknown'): Fault {
  return new Fault({ code, class: kind, summary: 'A simulated fault.', detail: '', hint: '' })
}
