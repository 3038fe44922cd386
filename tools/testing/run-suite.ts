// Owns: one suite as a process: its output passed on, its time limit, its outcome.
// Never: lets the suite print the line that `npm test` ends with, or decides what runs.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Suite } from '../suites.ts'
import { isCount, type Outcome, readLines, readVitestReport } from './read-report.ts'
import { asRoot, type RootAccess } from './set-up-components.ts'
import { root, toolEnvironment } from './tool-environment.ts'

const timeoutMsMax = 15 * 60_000

/** @param folder an empty folder for the report. @param print where output goes, line by line. */
export async function runSuite(suite: Suite, folder: string, access: RootAccess, print: (line: string) => void): Promise<Outcome> {
  const report = join(folder, `${suite.name}.json`)
  const own = suite.vitest
    ? [...suite.command, '--passWithNoTests', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    : suite.command
  const [command = '', ...args] = suite.needsRoot ? asRoot(access, own) : own
  // A process group of its own: what the suite started ends with it, also when it hangs or is interrupted.
  const child = spawn(command, args, { cwd: root, env: toolEnvironment, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const end = (): void => void (child.pid !== undefined && kill(-child.pid))
  const limit = setTimeout(end, suite.timeoutMs ?? timeoutMsMax)
  process.once('SIGINT', end)
  const ended = once(child, 'close').then(
    ([code]: (number | null)[]) => code ?? null,
    (error: Error) => {
      print(`${command}: ${error.message}`)
      return null
    },
  )
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      if (stream === child.stdout) lines.push(line)
      if (!isCount(line)) print(line)
    })
  }
  const code = await ended
  clearTimeout(limit)
  process.removeListener('SIGINT', end)
  if (!suite.vitest) return readLines(suite.name, lines, code)
  const json = existsSync(report) ? readFileSync(report, 'utf8') : null
  rmSync(report, { force: true })
  return readVitestReport(json, code, root)
}

function kill(group: number): void {
  try {
    process.kill(group, 'SIGKILL')
  } catch {
    // It has ended by itself, or belongs to root: then the terminal's Ctrl-C is left.
  }
}
