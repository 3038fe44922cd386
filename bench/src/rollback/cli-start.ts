// Owns: what a start of the installed command line costs: the bundle under this Node, `--version`.
// Never: measures the checkout's sources: users get the bundle.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'

const cli = join(import.meta.dirname, '../../../cli')

/** CPU time of user and system of a start, ms, each the mean of some. The bundle is built first, and started once to fill the compile cache. */
export function startCpu(runs: number): readonly number[] {
  runTool(process.execPath, ['build.ts'], { cwd: cli })
  const start = (): number => {
    const before = childCpuMs()
    for (let n = 0; n < STARTS; n += 1) {
      const { status, stderr } = spawnSync(process.execPath, [join(cli, 'dist/main.js'), '--version'], { encoding: 'utf8' })
      if (status !== 0) throw new Error(`understudy --version ended with ${status}: ${stderr}`)
    }
    return (childCpuMs() - before) / STARTS
  }
  start()
  return Array.from({ length: runs }, start)
}

const TICK_MS = 10 // USER_HZ is 100 on Linux x64 and arm64
const STARTS = 10 // a start is several ticks: over ten of them the error is at most a millisecond

/** CPU time of all ended children so far, ms: fields 16 and 17 of /proc/self/stat, proc_pid_stat(5). */
function childCpuMs(): number {
  const { stdout } = spawnSync('cat', [`/proc/${process.pid}/stat`], { encoding: 'utf8' })
  const fields = stdout.slice(stdout.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS
}
