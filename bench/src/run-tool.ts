// Owns: running a program to its end and how long that took, seen from here: what a person who calls it waits for.
// Never: lets the settings of this user or machine into git's answers; takes a failed run for a fast one.
import { spawnSync } from 'node:child_process'

const environment = {
  PATH: process.env['PATH'] ?? '',
  LC_ALL: 'C',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@localhost',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@localhost',
}
const OUTPUT_MAX = 64 << 20 // bytes: a commit of 100,000 files says so file by file if it is let

/** @returns milliseconds, the start of the process included. */
export function runTool(command: string, args: readonly string[], options: { readonly cwd: string; readonly input?: string }): number {
  const started = performance.now()
  const { status, stderr, error } = spawnSync(command, args, {
    cwd: options.cwd,
    env: environment,
    maxBuffer: OUTPUT_MAX,
    encoding: 'utf8',
    ...(options.input === undefined ? {} : { input: options.input }),
  })
  const ms = performance.now() - started
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr.slice(0, 1_000)}`)
  return ms
}

/** The first line it prints. */
export function outputOf(command: string, args: readonly string[], cwd: string): string {
  const { stdout, error } = spawnSync(command, args, { cwd, env: environment, encoding: 'utf8' })
  if (error !== undefined) throw error
  return stdout.split('\n')[0] ?? ''
}
