// Tests stand beside the code. `unit` is what `npm run check` runs: seconds, no root, nothing outside the process but
// temporary files. `real` may take longer and start components: *.real.test.ts, and all tests of the outer packages.
// `root` needs root (mounts, namespaces, other users): *.root.test.ts anywhere.

import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const inner = ['contract', 'engine', 'tools']
const outer = ['providers', 'cli', 'bench', 'tests', 'examples']
const unit = inner.map((folder) => `${folder}/**/*.test.ts`)
const real = [...inner.map((folder) => `${folder}/**/*.real.test.ts`), ...outer.map((folder) => `${folder}/**/*.test.ts`)]
const root = [...inner, ...outer].map((folder) => `${folder}/**/*.root.test.ts`)
const built = ['**/node_modules/**', '**/dist/**']
// Limits are for what hangs, on machines with other work beside it.
const slow = { testTimeout: 60_000, hookTimeout: 120_000 }

export default defineConfig({
  test: {
    // One process, module graph shared by the files of a worker: 2.5 s instead of 19 s. So a test file cleans up
    // after itself and leaves no state in modules. Forks, not threads: koffi and signals belong to a process.
    isolate: false,
    pool: 'forks',
    // Many tests wait for processes: two at once also where vitest would leave one of two cores free.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    passWithNoTests: false,
    projects: [
      { extends: true, test: { name: 'unit', include: unit, exclude: [...built, '**/*.{real,root}.test.ts'], testTimeout: 30_000 } },
      { extends: true, test: { name: 'real', include: real, exclude: [...built, '**/*.root.test.ts'], ...slow } },
      { extends: true, test: { name: 'root', include: root, exclude: built, ...slow } },
    ],
  },
})
