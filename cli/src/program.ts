// Owns: the verbs, their options and how a run ends; each verb's code is loaded when it is called.
// Never: does a verb's work; prints but through the renderer.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { faultOf } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { stayAlive } from './alive.ts'
import type { Context } from './context.ts'
import { exitCodeOf, exitCodes, exitOf } from './exit-codes.ts'
import type { Exit } from './exit-codes.ts'
import { jsonRenderer } from './render/json-renderer.ts'
import type { Renderer } from './render/renderer.ts'
import { textRenderer } from './render/text-renderer.ts'

type Values = Readonly<Record<string, unknown>>
type Verb = (context: Context, values: Values, args: readonly string[]) => Promise<Exit>

const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value]

/** Runs one command line; gives the exit code. */
export async function runProgram(argv: readonly string[], version: string): Promise<number> {
  let exit: Exit = 'ok'
  const asJson = argv.includes('--json')
  const program = new Command('understudy')
    .description('Rehearses, applies and undoes infrastructure changes.')
    .version(version, '-V, --version', 'print the version')
    .option('-f, --file <file>', 'stack file (understudy.yaml, then understudy.ts, in the working directory)')
    .option('--stack <name>', 'stack of the store, where no stack file names it')
    .option('--var <name=value>', 'set a variable; may be repeated', collect)
    .option('--var-file <file>', 'read variables from YAML or JSON; may be repeated', collect)
    .option('--env <name>', 'layer of the stack file to use')
    .option('--json', 'one event a line on stdout')
    .option('-v, --verbose', 'keep what passes by')
    .option('--parallelism <n>', 'most steps prepared at once', positive, 4)
    .option('-y, --yes', 'do not ask')
    .exitOverride()
    .configureOutput({ writeErr: (text) => void (asJson || process.stderr.write(text)) })
    .addHelpText('after', exitHelp())

  const verb = (command: Command, load: () => Promise<Verb>): Command =>
    command.action(async (...given: unknown[]) => {
      const args = given
        .slice(0, -2)
        .flatMap((arg) => (Array.isArray(arg) ? arg : [arg]))
        .filter((arg) => typeof arg === 'string')
      exit = await runVerb(version, command.optsWithGlobals(), args, load)
    })
  const change = (command: Command): Command =>
    command
      .option('--only <name>', 'only this resource (and what it needs); may be repeated', collect)
      .option('--replace <name>', 'make this resource anew although nothing changed; may be repeated', collect)
      .option('--accept-irreversible <name>', 'accept that this resource has no way back; may be repeated', collect)
      .option('--accept-loss <name>', 'accept what an undo of this resource would lose; may be repeated', collect)

  verb(
    program.command('init').description('write a stack file to start from').argument('[folder]'),
    async () => (await import('./verbs/init.ts')).initVerb,
  )
  verb(
    program.command('validate').description('check the stack file').option('--schema', 'print the JSON Schema for editors'),
    async () => (await import('./verbs/validate.ts')).validateVerb,
  )
  verb(
    change(program.command('plan').description('show what would change'))
      .option('-o, --out <file>', 'keep the plan, to apply exactly that')
      .option('--exit-code', 'exit 2 when there are differences')
      .option('--no-rehearse', 'do not rehearse it in a shadow'),
    async () => (await import('./verbs/plan.ts')).planVerb,
  )
  verb(
    change(
      program
        .command('whatif')
        .description('plan and rehearse; the primary stays as it is')
        .option('--destroy', 'what if the whole stack were removed'),
    ),
    async () => (await import('./verbs/plan.ts')).whatifVerb,
  )
  verb(
    change(program.command('apply').description('rehearse, then change the primary').argument('[plan]', 'a plan kept with plan -o'))
      .option('-m, --message <text>', 'why; shown in the history')
      .addOption(
        new Option('--confirm-within <time>', 'undo by itself unless confirmed within this time, e.g. 10m').conflicts(['for', 'until']),
      )
      .addOption(new Option('--for <time>', 'temporary: undone by itself after this time, e.g. 2h').conflicts('until'))
      .option('--until <when>', 'temporary: undone by itself then: 18:00, 2026-12-01T18:00, with an offset or in local time'),
    async () => (await import('./verbs/apply.ts')).applyVerb,
  )
  verb(
    change(program.command('destroy').description('remove the whole stack; can be rolled back')).option(
      '-m, --message <text>',
      'why; shown in the history',
    ),
    async () => (await import('./verbs/apply.ts')).destroyVerb,
  )
  verb(
    program
      .command('rollback')
      .description('go back to what was before the last change, or to a revision, wholly or in part')
      .option('--to <n>', 'revision to go to', whole)
      .option('--only <name>', 'only this: NAME or NAME#/pointer; may be repeated', collect)
      .option('--with-closure', 'also what has to follow')
      .addOption(new Option('--resolve <side>', 'where something else was written since').choices(['ours', 'theirs']))
      .option('--accept-loss <name>', 'accept what it would lose; may be repeated', collect)
      .option('--accept-irreversible <name>', 'leave what has no way back, undo the rest; may be repeated', collect)
      .option('-m, --message <text>', 'why; shown in the history'),
    async () => (await import('./verbs/rollback.ts')).rollbackVerb,
  )
  verb(
    program.command('confirm').description('keep a change that waits to be confirmed or is temporary, and end its guards'),
    async () => (await import('./verbs/confirm.ts')).confirmVerb,
  )
  verb(
    program
      .command('recover')
      .description('settle what a kill left; decide about a change that is held')
      .option('--resume', 'try the undo of the held change again')
      .option('--skip <name>', 'leave this resource as it is; may be repeated', collect)
      .option('--force <name>', 'write the saved state over what somebody else wrote; may be repeated', collect)
      .option('--abandon', 'leave everything as it is'),
    async () => (await import('./verbs/recover.ts')).recoverVerb,
  )
  verb(
    program.command('status').description('what is live, what can be undone and until when'),
    async () => (await import('./verbs/status.ts')).statusVerb,
  )
  verb(
    program.command('history').description('revisions: who, when, why').option('-n, --limit <n>', 'newest first, at most', whole, 20),
    async () => (await import('./verbs/history.ts')).historyVerb,
  )
  verb(
    program.command('show').description('one revision, change or resource').argument('<what>', 'number, change id or resource name'),
    async () => (await import('./verbs/show.ts')).showVerb,
  )
  verb(
    program
      .command('diff')
      .description('what differs between two revisions, or a revision and what is live')
      .argument('[a]')
      .argument('[b]')
      .option('--exit-code', 'exit 2 when there are differences'),
    async () => (await import('./verbs/diff.ts')).diffVerb,
  )
  verb(
    program
      .command('log')
      .description('what a change did: every command, statement, request and file edit')
      .argument('[change]', 'change id or revision; the last one')
      .option('--rehearsal', 'what its rehearsal did'),
    async () => (await import('./verbs/log.ts')).logVerb,
  )
  verb(
    program
      .command('drift')
      .description('what changed outside')
      .option('--accept', 'take it over as a new revision')
      .option('--revert', 'put back what the last change left')
      .option('-m, --message <text>', 'why; shown in the history')
      .option('--exit-code', 'exit 2 when there is drift'),
    async () => (await import('./verbs/drift.ts')).driftVerb,
  )
  verb(
    program.command('output').description('outputs of resources').argument('[name]', 'NAME or NAME.OUTPUT'),
    async () => (await import('./verbs/output.ts')).outputVerb,
  )
  verb(
    program
      .command('import')
      .description('take over a resource that exists already, as it is')
      .argument('<name>')
      .option('-m, --message <text>', 'why; shown in the history'),
    async () => (await import('./verbs/import.ts')).importVerb,
  )
  verb(
    program
      .command('forget')
      .description('no longer look after a resource; it stays as it is')
      .argument('<name>')
      .option('-m, --message <text>', 'why; shown in the history'),
    async () => (await import('./verbs/forget.ts')).forgetVerb,
  )
  const tombstone = program.command('tombstone').description('contents that were undone and must not come back by themselves')
  verb(tombstone.command('list').description('show them'), async () => (await import('./verbs/tombstone.ts')).tombstoneListVerb)
  verb(
    tombstone.command('lift').description('allow one again').argument('[change]', 'change that was undone; the last one'),
    async () => (await import('./verbs/tombstone.ts')).tombstoneLiftVerb,
  )
  verb(
    program
      .command('unlock')
      .description('show who holds the stack; take it from a dead holder')
      .option('--force', 'also from a living one, which is ended'),
    async () => (await import('./verbs/unlock.ts')).unlockVerb,
  )
  verb(
    program.command('keeper').description('the resident process of a store').argument('[action]', 'start, run, stop or status', 'status'),
    async () => (await import('./verbs/keeper.ts')).keeperVerb,
  )
  verb(
    program.command('doctor').description('check this machine and all of this store; a fix for each finding'),
    async () => (await import('./verbs/doctor.ts')).doctorVerb,
  )
  verb(
    program.command('verify-store').description('read all that is kept and compare it with its names and hashes'),
    async () => (await import('./verbs/verify-store.ts')).verifyStoreVerb,
  )
  verb(
    program.command('completion').description('completion for a shell').argument('<shell>', 'bash, zsh or fish'),
    async () => (await import('./verbs/completion.ts')).completionVerb,
  )
  verb(program.command('__complete', { hidden: true }).argument('[words...]'), async () =>
    (await import('./verbs/completion.ts')).completeVerb(program),
  )

  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    if (thrown.exitCode === 0) return 0
    if (asJson) jsonRenderer(version).fault(usageFault(thrown))
    return exitCodeOf('usage')
  }
  return exitCodeOf(exit)
}

/** What the parser of the command line says, as a fault for programs. */
function usageFault({ message, code }: CommanderError): FaultData {
  return {
    code: 'cli.usage',
    class: 'invalid',
    summary: 'The command line cannot be understood.',
    detail: message.replace(/^error: /, ''),
    hint: `See \`understudy --help\` (${code}).`,
  }
}

async function runVerb(version: string, values: Values, args: readonly string[], load: () => Promise<Verb>): Promise<Exit> {
  const renderer = values['json'] === true ? jsonRenderer(version) : textRenderer(values['verbose'] === true)
  const stop = onInterrupt(renderer)
  const endAlive = stayAlive()
  try {
    const { openContext } = await import('./context.ts')
    return await (
      await load()
    )(openContext(values, renderer, stop.signal, version), values, args)
  } catch (thrown) {
    const fault = faultOf(thrown)
    renderer.fault(fault)
    const exit = stop.signal.aborted && fault.class !== 'bug' ? 'cancelled' : exitOf(fault)
    if (exit === 'bug') {
      const file = writeReport(version, thrown)
      if (renderer.json) renderer.result('report', { file }, () => '')
      else renderer.note(`report: ${file}`)
    }
    return exit
  } finally {
    endAlive()
    stop.end()
  }
}

/** The first Ctrl-C (or SIGTERM, SIGHUP) ends the step and undoes; the second stops hard. */
function onInterrupt(renderer: Renderer) {
  const controller = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const interrupted = (): void => {
    if (controller.signal.aborted) process.exit(exitCodeOf('cancelled'))
    renderer.note('stopping: what was begun is undone (again to stop hard; `understudy recover` settles the rest)')
    controller.abort()
  }
  for (const signal of signals) process.on(signal, interrupted)
  return {
    signal: controller.signal,
    end: () => {
      for (const signal of signals) process.off(signal, interrupted)
    },
  }
}

/** What a bug report needs, readable by its owner alone: no arguments, no environment, no stack file. */
function writeReport(version: string, thrown: unknown): string {
  const file = join(tmpdir(), `understudy-report-${process.pid}.txt`)
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  writeFileSync(file, `understudy ${version}, node ${process.version}, ${process.platform} ${process.arch}\n${stack}\n`, { mode: 0o600 })
  return file
}

function positive(value: string): number {
  if (whole(value) > 0) return whole(value)
  throw new InvalidArgumentError('at least 1 is wanted')
}

function whole(value: string): number {
  const n = Number(value)
  if (Number.isSafeInteger(n) && n >= 0) return n
  throw new InvalidArgumentError('a whole number is wanted')
}

function exitHelp(): string {
  const rows = Object.values(exitCodes).map(({ code, text }) => `  ${String(code).padStart(3)}  ${text}`)
  return `\nExit codes:\n${rows.join('\n')}\n`
}
