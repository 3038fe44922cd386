// Owns: the events the engine emits, and the one table of their codes.
// Never: a text for people in an event; renderers make it from code and data.
import type { Json } from '@understudy/contract'

/** Code → what it says. `docs/events.md` is generated from this; a test keeps both level. */
export const eventCodes = {
  'plan.started': 'Reading the live resources and comparing them with what is wanted.',
  'plan.reading': 'One resource is being read.',
  'plan.frozen': 'Sources of a resource were put into the store.',
  'plan.drifted': 'A resource is not what the last change left.',
  'plan.made': 'The plan is complete; carries its digest.',
  'shadow.opening': 'A shadow world is being made.',
  'shadow.forked': 'One resource stands in the shadow.',
  'shadow.prepared': 'One step is prepared in the shadow.',
  'shadow.turned': 'The steps of a wave were turned in the shadow.',
  'shadow.compared': 'A state in the shadow was compared with what it should be.',
  'shadow.diverged': 'A state in the shadow is not what it should be.',
  'shadow.failed': 'The rehearsal stopped; says where and why.',
  'shadow.closed': 'The shadow world is gone.',
  'shadow.rehearsed': 'The rehearsal is complete; carries the certificate.',
  'assess.made': 'Risk, forecast and decision.',
  'apply.refused': 'The change is not applied; says why.',
  'apply.started': 'A change of the primary begins.',
  'apply.preparing': 'One step is being prepared beside the live thing.',
  'apply.prepared': 'One step is ready to be turned.',
  'apply.idle': 'One step turned out to be nothing to do.',
  'apply.progress': 'How far a long call is.',
  'apply.turned': 'The steps of a wave are live.',
  'apply.step-failed': 'A step failed; what was turned goes back.',
  'apply.committed': 'The change is verified and a revision.',
  'verify.started': 'The live resources are read again.',
  'verify.resource': 'One resource was compared with its saved state.',
  'verify.finished': 'The verdict.',
  'rollback.started': 'An undo begins.',
  'rollback.switched': 'All steps are back; verification follows.',
  'rollback.late': 'Something was written to the new side that going back leaves behind; it is kept and named.',
  'rollback.refused': 'An undo is refused; says why.',
  'rollback.finished': 'The undo is verified.',
  'recover.started': 'An unfinished change was found.',
  'recover.finished': 'It is settled.',
  'recover.revived': 'Something live that had ended was started again.',
  'recover.not-revived': 'Something live has ended and could not be started again; says why.',
  'guard.watching': 'Guards watch a change.',
  'guard.failed': 'A probe failed.',
  'guard.undoing': 'A guard undoes the change.',
  'guard.holding': 'A guard holds the change: a person decides.',
  'guard.kept': 'A guard failed and the change stays, as policy says.',
  'apply.over': 'The time of a temporary change is over and it is undone, as planned.',
  'confirm.overdue': 'A change was not confirmed in time and is undone.',
  'keeper.started': 'The keeper of this store runs.',
  'keeper.stopped': 'The keeper ended.',
  'lease.taken-over': 'Who held the stack before did not give it back; it was ended, with the commands it left running.',
  'step.retried': 'A transient fault was tried again.',
  'release.failed': 'Something that is no longer needed could not be removed yet; it is tried again later.',
} as const

export type EventCode = keyof typeof eventCodes

export interface EngineEvent {
  readonly type: EventCode
  /** Wall clock, ms since 1970. */
  readonly at: number
  readonly stack: string
  readonly change: string | null
  readonly resource: string | null
  readonly data: { readonly [key: string]: Json }
}

export type Emit = (
  type: EventCode,
  of: { readonly change?: string; readonly resource?: string },
  data?: { readonly [key: string]: Json },
) => void
