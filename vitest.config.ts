// Tests stand beside the code. `unit` is what `npm run check` runs: seconds, no root, nothing outside the process but
// temporary files. `real` is the rest: real components, real namespaces, and whatever is named *.real.test.ts.

import { defineConfig } from 'vitest/config'

const unit = ['contract', 'engine', 'tools'].map((folder) => `${folder}/**/*.test.ts`)
const real = [
  '{contract,engine,tools}/**/*.real.test.ts',
  ...['providers', 'cli', 'bench', 'tests', 'examples'].map((folder) => `${folder}/**/*.test.ts`),
]
const outside = ['**/node_modules/**', '**/dist/**']

export default defineConfig({
  test: {
    // One process, module graph shared by the files of a worker: 2.5 s instead of 19 s. So a test file cleans up
    // after itself and leaves no state in modules. Forks, not threads: koffi and signals belong to a process.
    isolate: false,
    pool: 'forks',
    passWithNoTests: false,
    projects: [
      { extends: true, test: { name: 'unit', include: unit, exclude: [...outside, '**/*.real.test.ts'] } },
      { extends: true, test: { name: 'real', include: real, exclude: outside, testTimeout: 60_000, hookTimeout: 120_000 } },
    ],
  },
})
