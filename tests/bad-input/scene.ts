// Owns: a stack in a temporary folder and the real command line on it: what it said, how it ended, what it left over.
// Never: leaves a file or a process behind.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Json } from '@understudy/contract'

export const program = join(import.meta.dirname, '../../cli/bin/understudy')

/** A line of `--json`: an event, an error or the result. */
export interface Line {
  readonly type: string
  readonly code?: string
  readonly class?: string
  readonly detail?: string
  readonly hint?: string
  readonly stage?: string
  readonly resource?: string | null
  readonly outcome?: string
  readonly data?: Readonly<Record<string, Json>>
}

export interface Ran {
  readonly code: number | null
  readonly lines: readonly Line[]
  readonly errors: readonly Line[]
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Called with each line as it comes; may act on the process. */
  readonly onLine?: (line: Line, child: ChildProcess) => void
  readonly user?: number
  /** MiB that the program may keep alive at once; beyond, Node ends itself. */
  readonly heap?: number
  /** False: as for people. */
  readonly json?: boolean
}

export interface Scene {
  readonly dir: string
  path(...names: readonly string[]): string
  stack(text: string | Uint8Array): void
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** `status` and `doctor` say good, and nothing is left over: no shadow, no process. */
  sound(options?: RunOptions): Promise<void>
  close(): void
}

/** `in`: an existing folder (a mount) that the stack is to be in. */
export function openScene(given: { readonly in?: string } = {}): Scene {
  const dir = mkdtempSync(join(given.in ?? tmpdir(), 'understudy-bad-'))
  const path = (...names: readonly string[]): string => join(dir, ...names)
  mkdirSync(path('src'))
  mkdirSync(path('live'))
  mkdirSync(path('tmp')) // of the command line: where a report of a bug goes
  const run = (args: readonly string[], options: RunOptions = {}): Promise<Ran> => runProgram(path('understudy.yaml'), args, options)
  return {
    dir,
    path,
    stack: (text) => writeFileSync(path('understudy.yaml'), text),
    run,
    async sound(options) {
      expect(await run(['status'], options)).toMatchObject({ code: 0, errors: [] })
      expect(await run(['doctor'], options)).toMatchObject({ code: 0, errors: [] })
      const rooms = existsSync(path('.understudy')) ? readdirSync(path('.understudy')).filter((name) => name.startsWith('rooms.')) : []
      const worlds = rooms.flatMap((name) => readdirSync(path('.understudy', name)))
      expect(worlds.filter((name) => name !== 'primary' && name !== 'planning')).toEqual([])
      expect(processesIn(dir)).toEqual([])
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}

async function runProgram(file: string, args: readonly string[], { onLine, user, heap, json = true }: RunOptions): Promise<Ran> {
  const child = spawn(program, ['-f', file, ...(json ? ['--json'] : []), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    env: {
      ...(user === undefined ? process.env : { PATH: process.env['PATH'] }),
      TMPDIR: join(file, '../tmp'),
      ...(heap === undefined ? {} : { NODE_OPTIONS: `--max-old-space-size=${heap}` }),
    },
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  const parts: string[] = []
  let stderr = ''
  let open = 0 // first part of the line that has not ended yet
  const lines: Line[] = []
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    parts.push(chunk)
    if (!json || !chunk.includes('\n')) return
    const whole = parts.splice(open).join('')
    const end = whole.lastIndexOf('\n') + 1
    for (const text of whole.slice(0, end).split('\n').slice(0, -1)) {
      const line: Line = JSON.parse(text)
      lines.push(line)
      onLine?.(line, child)
    }
    parts.push(whole.slice(0, end))
    open = parts.length
    parts.push(whole.slice(end))
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (stderr += chunk))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const stdout = parts.join('')
  // A stack trace is for the authors: it belongs into a report file.
  expect(`${stdout}${stderr}`).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m)
  expect(JSON.stringify(lines)).not.toMatch(/\\n\s+at [^"]*:\d+:\d+/)
  return { code, lines, errors: lines.filter(({ type }) => type === 'error'), stdout, stderr }
}

/** Command lines of the processes that work in this folder, or were started from a file in it. */
function processesIn(dir: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(dir) || command.includes(dir) ? [command] : []
      } catch {
        return [] // it has ended meanwhile
      }
    })
}
