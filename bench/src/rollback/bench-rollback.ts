// Owns: `bench rollback`: undo of a tree of which a tenth was changed, side by side with git, rsync and the physical limit.
// Never: counts a run whose restored state was not checked, or takes figures of different runs together.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { figureOf, ratioOf, ratioOfMedians } from '../report.ts'
import type { Figure } from '../report.ts'
import { startCpu } from './cli-start.ts'
import type { Contender, Undone } from './contender.ts'
import { digestEachFile, digestTree } from './digest-tree.ts'
import { generateTree } from './generate-tree.ts'
import { gitReset, gitRevert, openGitTree } from './git-contender.ts'
import { limitContender } from './limit-contender.ts'
import { rsyncContender } from './rsync-contender.ts'
import { openUnderstudy } from './understudy-contender.ts'
import type { WorkDisk } from './work-disk.ts'

export interface RollbackOptions {
  /** Numbers of files. Figures for 10,000 and 100,000 appear where they are among them. */
  readonly sizes: readonly number[]
  /** Of a tree of so many files. */
  readonly runs: (size: number) => number
  readonly seed: number
  readonly say: (text: string) => void
}

const ONE_FILES = 15 // at least: each takes milliseconds
const CAPTURES = 4 // each is a whole change, with its rehearsal

interface Measured {
  readonly undos: Readonly<Record<'understudy' | 'reset' | 'revert' | 'rsync' | 'limit', readonly Undone[]>>
  /** The first change, for which everything had to be copied, ms. */
  readonly firstPrepare: number
  /** Changes after the second, ms: finding out what changed, preparing beside the live tree, writing the same files with plain calls. */
  readonly discovery: readonly number[]
  readonly prepare: readonly number[]
  readonly plainWrite: readonly number[]
  /** git's add and commit of the same files, which were written before. */
  readonly commit: readonly number[]
  /** Reading and naming every file with one buffer, ms. */
  readonly eachFile: readonly number[]
  readonly oneFile: readonly number[]
  readonly oneFileLimit: readonly number[]
}

export async function benchRollback(disk: WorkDisk, { sizes, runs, seed, say }: RollbackOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  const switches = new Map<number, readonly number[]>()
  const oneFiles = new Map<number, readonly number[]>()
  for (const size of sizes) {
    say(`${size} files: setting up`)
    const measured = await measure(disk, size, runs(size), seed, say)
    switches.set(size, part(measured.undos.understudy, 'switch'))
    oneFiles.set(size, measured.oneFile)
    figures.push(...figuresOf(shortOf(size), measured))
  }
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)]
  const of = `${shortOf(largest)}_over_${shortOf(smallest)}`
  figures.push(
    ratioOfMedians(`tree.switch_flatness_${of}`, { op: '<=', value: 2 }, switches.get(largest) ?? [], switches.get(smallest) ?? []),
  )
  figures.push(
    ratioOfMedians(`tree.one_file_flatness_${of}`, { op: '<=', value: 2 }, oneFiles.get(largest) ?? [], oneFiles.get(smallest) ?? []),
  )
  say('start of the command line')
  figures.push(figureOf('cli.start_cpu_ms', 'ms', { op: '<=', value: 60 }, startCpu(5)))
  return figures
}

function shortOf(size: number): string {
  return size % 1_000 === 0 ? `${size / 1_000}k` : String(size)
}

function part(undos: readonly Undone[], name: string): readonly number[] {
  return undos.map(({ parts }) => parts[name] ?? Number.NaN)
}

function figuresOf(size: string, measured: Measured): readonly Figure[] {
  const { undos, firstPrepare, discovery, prepare, plainWrite, commit, eachFile, oneFile, oneFileLimit } = measured
  // Git's figure leaves out the writing of the files, which is the change itself: so does ours.
  const capture = prepare.map((ms, run) => Math.max(ms - (plainWrite[run] ?? 0), LEAST_MS))
  const whole = (name: keyof Measured['undos']): readonly number[] => undos[name].map(({ ms }) => ms)
  const [ours, limit] = [whole('understudy'), whole('limit')]
  const at10k = size === '10k'
  return [
    figureOf(`tree.undo_ms_${size}`, 'ms', null, ours),
    figureOf(`tree.limit_ms_${size}`, 'ms', null, limit),
    figureOf(`tree.switch_ms_${size}`, 'ms', null, part(undos.understudy, 'switch')),
    ratioOf(`tree.undo_over_limit_${size}`, at10k ? { op: '<=', value: 1.5 } : null, ours, limit),
    ratioOf(`tree.git_reset_over_ours_${size}`, at10k ? { op: '>=', value: 12 } : null, whole('reset'), ours),
    ratioOf(`tree.git_revert_over_ours_${size}`, null, whole('revert'), ours),
    ratioOf(`tree.rsync_over_ours_${size}`, null, whole('rsync'), ours),
    ratioOf(
      `tree.switch_git_reset_over_ours_${size}`,
      size === '100k' ? { op: '>=', value: 350 } : null,
      whole('reset'),
      part(undos.understudy, 'switch'),
    ),
    ratioOf(`tree.capture_git_commit_over_ours_${size}`, at10k ? { op: '>=', value: 13 } : null, commit, capture),
    figureOf(`tree.capture_ms_${size}`, 'ms', null, capture),
    figureOf(`tree.prepare_ms_${size}`, 'ms', null, prepare),
    figureOf(`tree.plain_write_ms_${size}`, 'ms', null, plainWrite),
    figureOf(`tree.first_prepare_ms_${size}`, 'ms', null, [firstPrepare]),
    figureOf(`tree.discovery_ms_${size}`, 'ms', null, discovery),
    ratioOf(at10k ? 'tree.verify_over_limit' : `tree.verify_over_limit_${size}`, null, part(undos.understudy, 'verify'), eachFile),
    figureOf(at10k ? 'tree.one_file_undo_ms' : `tree.one_file_undo_ms_${size}`, 'ms', at10k ? { op: '<=', value: 1.2 } : null, oneFile),
    ratioOf(`tree.one_file_over_limit_${size}`, null, oneFile, oneFileLimit),
  ]
}

const LEAST_MS = 1 // a difference of two times that noise made smaller, or negative, would make any ratio

async function measure(disk: WorkDisk, size: number, runs: number, seed: number, say: RollbackOptions['say']): Promise<Measured> {
  const dir = join(disk.dir, String(size))
  mkdirSync(dir)
  const tree = generateTree(size, seed)
  const [v1, v2] = [join(dir, 'v1'), join(dir, 'v2')]
  tree.write(v1, 1)
  tree.write(v2, 2)
  const wanted = { v1: digestTree(v1), v2: digestTree(v2) }
  const understudy = await openUnderstudy(dir)
  const firstPrepare = (await understudy.change(v1))['prepare'] ?? Number.NaN
  await understudy.change(v2)
  const git = openGitTree(dir, tree)
  const limit = limitContender(dir, v1, v2, tree.changedIn(2))
  const contenders = {
    understudy,
    reset: gitReset(git),
    revert: gitRevert(git),
    rsync: rsyncContender(dir, v1, v2),
    limit,
  }
  const undos: Record<keyof typeof contenders, Undone[]> = { understudy: [], reset: [], revert: [], rsync: [], limit: [] }
  const names = ['understudy', 'reset', 'revert', 'rsync', 'limit'] as const
  for (let run = 0; run < runs; run += 1) {
    say(`${size} files: run ${run + 1} of ${runs}`)
    for (let place = 0; place < names.length; place += 1) {
      const name = names[(place + run) % names.length] ?? 'limit' // each goes first as often as the others
      undos[name].push(await checkedUndo(disk, contenders[name], wanted))
    }
  }
  const eachFile = Array.from({ length: runs }, () => {
    const started = performance.now()
    digestEachFile(v1)
    return performance.now() - started
  })
  const [oneFile, oneFileLimit]: [number[], number[]] = [[], []]
  for (const path of tree.changedIn(2).slice(0, Math.max(runs, ONE_FILES))) {
    disk.settle()
    oneFileLimit.push(limit.undoFile(path))
    disk.settle()
    oneFile.push(await understudy.undoFile(path))
  }
  // Changes after the second, each of which rewrites a tenth of the one before. The first is not counted: it goes over what
  // the single files left.
  const [discovery, prepare, plainWrite, commit]: [number[], number[], number[], number[]] = [[], [], [], []]
  const plain = join(dir, 'plain')
  cpSync(v2, plain, { recursive: true })
  for (let run = -1; run < (size > 10_000 ? 1 : Math.min(runs, CAPTURES)); run += 1) {
    const version = run + 4
    const changed = tree.changedIn(version)
    tree.write(v2, version, changed)
    disk.settle()
    const parts = await understudy.change(v2)
    disk.settle()
    const plainMs = writePlainly(disk, plain, v2, changed)
    tree.write(git.live, version, changed)
    disk.settle()
    const commitMs = git.git('add', '-A') + git.git('commit', '-q', '-m', `version ${version}`)
    if (run === -1) continue
    prepare.push(parts['prepare'] ?? Number.NaN)
    discovery.push(parts['discovery'] ?? Number.NaN)
    plainWrite.push(plainMs)
    commit.push(commitMs)
  }
  for (const contender of Object.values(contenders)) await contender.close()
  rmSync(dir, { recursive: true, force: true })
  return { undos, firstPrepare, discovery, prepare, plainWrite, commit, eachFile, oneFile, oneFileLimit }
}

/** The same files over a tree of their own with nothing but write, and synced like ours; ms. */
function writePlainly(disk: WorkDisk, into: string, from: string, paths: readonly string[]): number {
  const files = paths.map((path) => ({ to: join(into, path), bytes: readFileSync(join(from, path)) }))
  const started = performance.now()
  for (const { to, bytes } of files) writeFileSync(to, bytes)
  disk.settle()
  return performance.now() - started
}

async function checkedUndo(disk: WorkDisk, contender: Contender, wanted: { readonly v1: string; readonly v2: string }): Promise<Undone> {
  disk.settle()
  const undone = await contender.undo()
  if (digestTree(contender.live) !== wanted.v1) throw new Error(`${contender.name} did not bring version 1 back`)
  await contender.redo()
  if (digestTree(contender.live) !== wanted.v2) throw new Error(`${contender.name} did not bring version 2 back`)
  return undone
}
