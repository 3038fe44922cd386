// Owns: what `npm test` runs, in this order. Add a suite here; a test file needs no entry (vitest.config.ts finds it).
// Never: holds what takes minutes (that is tools/long.ts).

export interface Suite {
  readonly name: string
  /**
   * Run in the root of the checkout with Node 24 first in PATH. Counts as one test by its exit code, unless it prints a
   * line `N passed, N failed`: then by that. A line `skipped: NAME` is a test that did not run.
   */
  readonly command: readonly [command: string, ...args: string[]]
  readonly needsRoot: boolean
  /** The suite counts its tests through vitest's JSON report. */
  readonly vitest?: true
  /** Path without which the suite is not there yet; said aloud. */
  readonly after?: string
  /** Far above what it takes on two slow cores: past it something hangs. */
  readonly timeoutMs?: number
}

export const suites: readonly Suite[] = [
  { name: 'format', command: ['oxfmt', '--check'], needsRoot: false },
  { name: 'lint', command: ['oxlint'], needsRoot: false },
  { name: 'types', command: ['tsc'], needsRoot: false },
  { name: 'tidy', command: ['node', 'tools/tidy.ts'], needsRoot: false },
  { name: 'unit', command: ['vitest', 'run', '--project', 'unit'], needsRoot: false, vitest: true },
  { name: 'real', command: ['vitest', 'run', '--project', 'real'], needsRoot: false, vitest: true, timeoutMs: 25 * 60_000 },
  { name: 'root', command: ['vitest', 'run', '--project', 'root'], needsRoot: true, vitest: true },
  // About 100,000 schedules; `npm run simulate` takes other seeds.
  {
    name: 'simulation',
    command: ['node', '--disable-warning=ExperimentalWarning', 'tests/simulation/simulate.ts', '--seeds', '800', '--jobs', '2'],
    needsRoot: false,
  },
  { name: 'pack', command: ['node', 'tools/pack-test.ts'], needsRoot: false, after: 'cli/src/main.ts' },
  { name: 'demo', command: ['npm', 'run', '-s', 'demo'], needsRoot: false, after: 'examples/shop/demo.ts' },
]

/** What `npm run check` takes of them: seconds, no root. */
export const fastSuites: readonly string[] = ['format', 'lint', 'types', 'tidy', 'unit']
