// Owns: the rules of the engine, each with the change of its code that takes it out.
// Never: takes out one that no course of events can tell.

export interface Mutant {
  readonly name: string
  /** Below engine/src. */
  readonly file: string
  /** Stands there once. */
  readonly from: string
  readonly to: string
}

export const mutants: readonly Mutant[] = [
  {
    name: 'what was before is in the log before a turn',
    file: 'exec/prepare.ts',
    from: "  await run.journal.append([{ type: 'step.prepared', change, ...prepared }])\n",
    to: '',
  },
  {
    name: 'preparing is in the log before it begins',
    file: 'exec/prepare.ts',
    from: "  await run.journal.append([{ type: 'step.preparing', change, step: step.name, key }])\n",
    to: '',
  },
  {
    name: 'a turn is in the log before it begins',
    file: 'exec/turn.ts',
    from: "  await run.journal.append([{ type: 'turning', change: run.change, to, steps }])\n",
    to: '',
  },
  {
    name: 'going back is in the log before it begins',
    file: 'exec/turn.ts',
    from: '  if (first.length + turning.length > 0) await run.journal.append([...first, ...turning])\n',
    to: '  if (first.length > 0) await run.journal.append(first)\n',
  },
  {
    name: 'back goes the last one first',
    file: 'exec/turn.ts',
    from: '.filter((name) => run.prepared.has(name)).toReversed()',
    to: '.filter((name) => run.prepared.has(name))',
  },
  {
    name: 'forward goes the first one first',
    file: 'exec/turn.ts',
    from: '  const steps = names.filter((name) => run.prepared.has(name))\n  if (steps.length === 0) return []',
    to: '  const steps = names.filter((name) => run.prepared.has(name)).toReversed()\n  if (steps.length === 0) return []',
  },
  {
    name: 'where no answer came, what is there is looked at',
    file: 'exec/turn.ts',
    from: "    stand = await lookAtStep(run, name, 'quick')\n    if (stand.side !== to) throw thrown\n",
    to: "    return { side: to, standby: 'fit' }\n",
  },
  {
    name: 'what failed to go back counts as failed',
    file: 'exec/turn.ts',
    from: "      } else refused.push({ step: name, fault: faultOf(thrown, { resource: name, stage: 'undo' }) })\n",
    to: '      } else turned.push({ step: name, ms: 0 })\n',
  },
  {
    name: 'what stands where it should is what counts',
    file: 'exec/turn.ts',
    from: '  if (stand.side === to) return stand\n',
    to: '  if (stand.side !== undefined) return stand\n',
  },
  {
    name: 'only what is verified is committed',
    file: 'apply/apply-plan.ts',
    from: '    if (!verdict.verified) throw notVerified(verdict)\n',
    to: '',
  },
  {
    name: 'what failed goes back',
    file: 'apply/apply-plan.ts',
    from: '  const { refused, foreign } = await turnBack(shielded, begun)\n',
    to: '  const { refused, foreign } = { refused: [] as { step: string; fault: FaultData }[], foreign: [] as string[] }\n',
  },
  {
    name: 'what could not go back is held',
    file: 'apply/apply-plan.ts',
    from: '  if (refused.length > 0)\n    return held(',
    to: '  if (refused.length > 1000)\n    return held(',
  },
  {
    name: 'what went back is let go of',
    file: 'apply/apply-plan.ts',
    from: '  const unreleased = await releaseSteps(shielded, begun)\n',
    to: '  const unreleased: string[] = []\n',
  },
  {
    name: 'what could not be let go of is let go of later',
    file: 'apply/apply-plan.ts',
    from: 'unreleased.length === 0 ?',
    to: 'unreleased.length < 1000 ?',
  },
  {
    name: 'all waves are turned',
    file: 'apply/apply-plan.ts',
    from: 'of plan.waves.entries()) {\n      const steps',
    to: 'of plan.waves.slice(0, 1).entries()) {\n      const steps',
  },
  { name: 'an interrupted change is found', file: 'rollback/recover.ts', from: "change.phase === 'applying' || ", to: '' },
  { name: 'an interrupted undo is found', file: 'rollback/recover.ts', from: "change.phase === 'undoing' || ", to: '' },
  { name: 'an interrupted redo is found', file: 'rollback/recover.ts', from: ' || isRedoing(change)', to: '' },
  {
    name: 'a redo that cannot go back is held',
    file: 'rollback/recover.ts',
    from: "      await writable.journal.append([{ type: 'change.held', change: change.change, why, faults: refused.map(({ fault }) => fault) }])\n",
    to: '',
  },
  {
    name: 'an undo that is not verified is held',
    file: 'rollback/flip.ts',
    from: '  if (verdict === null || !verdict.verified) return stuck',
    to: '  if (verdict === null) return stuck',
  },
  {
    name: 'a redo that fails half-way goes back',
    file: 'rollback/flip.ts',
    from: '    const { refused } = await turnBack(run, order)\n    return { restored: [], refused: [',
    to: "    const refused: Undoing['refused'] = []\n    return { restored: [], refused: [",
  },
  {
    name: 'an undo that meets others’ writes goes forward again',
    file: 'rollback/flip.ts',
    from: "    await turnSteps({ ...run, shielded: true }, again, 'after')\n    return true\n",
    to: '    return again.length >= 0\n',
  },
  {
    name: 'who takes over ends who was there',
    file: 'journal/lease.ts',
    from: '    const lock = await ports.lockEffects()\n',
    to: '    const lock: EffectsLock = { ended: [], free: () => undefined, share: () => ({ fd: 0, end: () => undefined }) }\n',
  },
  { name: 'one writer at a time', file: 'journal/lease.ts', from: '  if (!answer.taken) throw leaseFault(stack, answer.lease)\n', to: '' },
  {
    name: 'each taking has a higher epoch',
    file: 'store/lease-rule.ts',
    from: 'Math.max(kept?.epoch ?? 0, seenEpoch) + 1',
    to: 'Math.max(kept?.epoch ?? 0, seenEpoch, 1)',
  },
  {
    name: 'a shadow is removed',
    file: 'shadow/open-world.ts',
    from: '        kind.close({ world: world.id, id: resource, part: parts.get(resource) ?? null }, call),\n',
    to: '        Promise.resolve(call.room).then(() => undefined),\n',
  },
  {
    name: 'shadows of the dead are removed',
    file: 'rollback/recover.ts',
    from: '  await closeDeadWorlds(ports, ports.stack, log.add)\n',
    to: '',
  },
  { name: 'those of the living are not', file: 'shadow/open-world.ts', from: '    if (alive) continue\n', to: '' },
  {
    name: 'who depends on others gets their new outputs',
    file: 'exec/prepare.ts',
    from: "  if (step.action !== 'delete' && made.out !== null) run.outs.set(step.resource, made.out)\n",
    to: '',
  },
  { name: 'who depends on others is prepared after them', file: 'exec/prepare.ts', from: '      if (blocked) continue\n', to: '' },
  {
    name: 'a call that hangs is given up',
    file: 'exec/attempt.ts',
    from: '    const deadline = ports.deadline(bound.limits.timeoutMs)\n',
    to: '    const deadline = new AbortController().signal\n',
  },
  { name: 'a plan has an order', file: 'plan/draft.ts', from: 'after: orderOf(draft, drafts, base) }', to: 'after: [] }' },
  {
    name: 'a verb settles first what was left',
    file: 'pipeline.ts',
    from: '    const settled = (await settleStack(writable)).filter(',
    to: '    const settled = ([] as Recovered[]).filter(',
  },
  {
    name: 'an apply settles first what was left',
    file: 'pipeline.ts',
    from: '    await settleStack(writable)\n    const { policy } = request.intent\n',
    to: '    const { policy } = request.intent\n',
  },
  {
    name: 'a revision holds what was turned',
    file: 'apply/apply-plan.ts',
    from: 'prepared?.to ?? live?.state',
    to: 'live?.state ?? prepared?.to',
  },
  {
    name: 'what was turned is over once the log says so',
    file: 'journal/fold.ts',
    from: 'turning: was.turning === null || left.length === 0 ? null : { ...was.turning, steps: left }',
    to: 'turning: was.turning',
  },
  {
    name: 'others’ writes are a conflict',
    file: 'plan/draft.ts',
    from: "  if (written === 'over' || held === null || from === null",
    to: "  if (written !== 'over' || held === null || from === null",
  },
  {
    name: 'what goes has no outputs in a shadow',
    file: 'shadow/rehearse.ts',
    from: 'if (plan.resources[name] === undefined) shadow.outs.delete(name)',
    to: 'if (plan.resources[name] === undefined) shadow.outs.has(name)',
  },
  {
    name: 'what came back is verified, or the change is held',
    file: 'apply/apply-plan.ts',
    from: '  if (wrong.length > 0)\n',
    to: '  if (wrong.length > 1000)\n',
  },
  {
    name: 'what could not be turned is under way still',
    file: 'journal/fold.ts',
    from: 'was.turning === null || left.length === 0 ? null',
    to: 'was.turning === null || left.length >= 0 ? null',
  },
  {
    name: 'what goes takes along those who refer to it',
    file: 'rollback/roll-back.ts',
    from: 'asked.withClosure ? [...users, ...needed].map',
    to: 'asked.withClosure ? needed.map',
  },
]
