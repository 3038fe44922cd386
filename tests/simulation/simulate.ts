// Owns: `npm run simulate`: many seeds in several processes, one line at the end.
// Never: goes on after a seed that failed without saying which.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCourse, scenarioOf } from './course.ts'
import type { Found } from './course.ts'
import { smallest, testFileOf } from './smallest.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '800' },
    from: { type: 'string', default: '1' },
    /** Processes, each with its part of the seeds. */
    jobs: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    /** One crash of one seed, as a violation names it. */
    at: { type: 'string' },
    trace: { type: 'boolean', default: false },
    /** Stop at the first violation. */
    first: { type: 'boolean', default: false },
    /** Write the smallest course of events that shows the first violation as a test file. */
    write: { type: 'boolean', default: false },
  },
})
const [seeds, from, jobs] = [Number(values.seeds), Number(values.from), Number(values.jobs)]

interface Sum {
  schedules: number
  crashes: number
  violations: number
}

async function alone(): Promise<Sum> {
  const sum: Sum = { schedules: 0, crashes: 0, violations: 0 }
  for (let seed = from; seed < from + seeds; seed += 1) {
    const tell = values.trace ? { tell: (line: string) => console.error(line) } : {}
    const course = await runCourse(seed, { only: values.at ?? null, ...tell })
    sum.schedules += course.schedules
    sum.crashes += course.crashes
    sum.violations += course.found.length
    for (const { at, text } of course.found.slice(0, 5)) console.error(`seed ${seed} at ${at}: ${text}`)
    const [first] = course.found
    if (first !== undefined && values.write) await write(seed, first)
    if (first !== undefined && (values.first || values.write)) break
  }
  return sum
}

async function write(seed: number, found: Found): Promise<void> {
  const path = join(import.meta.dirname, `found-${seed}.test.ts`)
  writeFileSync(path, testFileOf(seed, await smallest(seed, scenarioOf(seed), found)))
  console.error(`${path} fails until it is mended`)
}

async function together(): Promise<Sum> {
  const sum: Sum = { schedules: 0, crashes: 0, violations: 0 }
  const part = Math.ceil(seeds / jobs)
  const parts = Array.from({ length: jobs }, async (_, job) => {
    const first = from + job * part
    const mine = Math.min(part, from + seeds - first)
    const more = values.write ? ['--write'] : values.first ? ['--first'] : []
    const args = ['--disable-warning=ExperimentalWarning', import.meta.filename, '--seeds', `${mine}`, '--from', `${first}`, ...more]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    await once(child, 'close')
    const { simulate }: { simulate: Sum } = JSON.parse(text)
    for (const key of ['schedules', 'crashes', 'violations'] as const) sum[key] += simulate[key]
  })
  await Promise.all(parts)
  return sum
}

const started = performance.now()
const sum = jobs > 1 ? await together() : await alone()
const perSecond = Math.round(sum.schedules / ((performance.now() - started) / 1000))
console.log(JSON.stringify({ simulate: { seeds, ...sum, perSecond } }))
process.exitCode = sum.violations === 0 ? 0 : 1
