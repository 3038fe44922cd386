// Owns: `npm run bench -- NAME [--json] [--quick] [--seed N] [--data DIR]`: which benchmark runs, and how it ends.
// Never: fails for a missed goal: exit 1 says that the benchmark itself failed.
import { parseArgs } from 'node:util'
import { benchRollback } from './rollback/bench-rollback.ts'
import { openWorkDisk } from './rollback/work-disk.ts'
import { reportLine, reportText } from './report.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    data: { type: 'string' },
  },
})
const seed = Number(values.seed)
if (positionals.join(' ') !== 'rollback' || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: npm run bench -- rollback [--json] [--quick] [--seed N] [--data DIR]\n')
  process.exitCode = 3
} else {
  const disk = openWorkDisk(values.data ?? null)
  process.once('SIGINT', () => {
    disk.remove()
    process.exit(130)
  })
  try {
    const sizes = values.quick ? [100, 10_000] : [100, 10_000, 100_000]
    const say = (text: string): void => void process.stderr.write(`${text}\n`)
    const figures = await benchRollback(disk, { sizes, runs: (size) => (values.quick ? 3 : size > 10_000 ? 5 : 11), seed, say })
    const facts = { seed, filesystem: disk.filesystem, node: process.version, quick: values.quick }
    if (!values.json) process.stdout.write(`${reportText(figures)}\n${disk.filesystem}\n`)
    else process.stdout.write(`${reportLine('rollback', figures, facts)}\n`)
  } finally {
    disk.remove()
  }
}
