// Owns: `npm run mutants`: the engine with one rule taken out at a time, and the seed whose course of events shows it.
// Never: changes the engine itself: each mutant is a copy.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { mutants } from './rules.ts'

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '2000' }, only: { type: 'string' } } })
const root = join(import.meta.dirname, '../..')
const copy = mkdtempSync(join(tmpdir(), 'understudy-mutants-'))
let missed = 0
try {
  for (const folder of ['contract', 'engine', 'tests']) {
    cpSync(join(root, folder), join(copy, folder), { recursive: true, filter: (path) => !path.includes('node_modules') })
  }
  mkdirSync(join(copy, 'node_modules/@understudy'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@understudy') symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name))
  }
  for (const name of ['contract', 'engine']) symlinkSync(join(copy, name), join(copy, 'node_modules/@understudy', name))
  for (const { name, file, from, to } of mutants) {
    if (values.only !== undefined && values.only !== name) continue
    const path = join(copy, 'engine/src', file)
    const text = readFileSync(path, 'utf8')
    if (text.split(from).length !== 2) throw new Error(`${name}: ${file} has its text ${text.split(from).length - 1} times`)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
    const args = [
      '--disable-warning=ExperimentalWarning',
      join(copy, 'tests/simulation/simulate.ts'),
      '--seeds',
      values.seeds,
      '--first',
      '--json',
    ]
    const ran = spawnSync(process.execPath, args, { encoding: 'utf8' })
    writeFileSync(path, text)
    const caught = /^seed \d+ .*$/m.exec(ran.stderr)?.[0]
    if (caught === undefined) missed += 1
    console.log(`${name}: ${caught ?? `NOT CAUGHT ${ran.status === 0 ? '' : ran.stderr.slice(0, 500)}`}`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${missed} not caught`)
process.exitCode = missed === 0 ? 0 : 1
