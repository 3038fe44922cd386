// Owns: `npm run simulate`: many seeds, one line at the end.
// Never: goes on after a seed that failed without saying which.
import { parseArgs } from 'node:util'
import { runCourse } from './course.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    at: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})
const [seeds, from] = [Number(values.seeds), Number(values.from)]
const started = performance.now()
let [schedules, crashes, violations] = [0, 0, 0]
for (let seed = from; seed < from + seeds; seed += 1) {
  const course = await runCourse(seed, values.at ?? null, values.trace ? (line) => console.error(line) : () => undefined)
  schedules += course.schedules
  crashes += course.crashes
  violations += course.found.length
  for (const { at, text } of course.found.slice(0, 5)) console.error(`seed ${seed} at ${at}: ${text}`)
}
const perSecond = Math.round(schedules / ((performance.now() - started) / 1000))
console.log(JSON.stringify({ simulate: { seeds, schedules, crashes, violations, perSecond } }))
