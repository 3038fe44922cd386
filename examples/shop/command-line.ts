// Owns: running the real command line as a user would, and what it said as events.
// Never: reaches past the command line into the engine.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export type Line = Readonly<Record<string, unknown>>

export interface Ran {
  readonly code: number
  readonly lines: readonly Line[]
  readonly stderr: string
  readonly ms: number
}

const program = join(import.meta.dirname, '../../cli/bin/understudy')

export async function understudy(file: string, args: readonly string[]): Promise<Ran> {
  const started = performance.now()
  const child = spawn(program, ['-f', file, '--json', '--yes', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? -1))
  })
  const lines = Buffer.concat(out)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Line => JSON.parse(line))
  return { code, lines, stderr: Buffer.concat(err).toString('utf8'), ms: performance.now() - started }
}

/** A value deep in what was said, or undefined. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Reflect.get(found, key)
  }
  return found
}

export function numberAt(value: unknown, ...path: readonly string[]): number {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : 0
}

export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : ''
}
