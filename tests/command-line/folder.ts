// Owns: a temporary folder and the real command line in it, as people and programs see it.
// Never: leaves a file or a process behind.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, vi } from 'vitest'
import type { Json } from '@understudy/contract'

export const program = join(import.meta.dirname, '../../cli/bin/understudy')

export type Line = { readonly type: string } & { readonly [key: string]: Json }

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** With --json: every line of stdout. */
  readonly lines: readonly Line[]
}

export interface Folder {
  readonly dir: string
  path(...names: readonly string[]): string
  write(name: string, text: string): void
  read(name: string): string
  /** Starts `understudy` in the folder, without a terminal. */
  run(...args: readonly string[]): Promise<Ran>
  /** The keeper of the folder's store, if one runs, is told to end; resolves when no process of the folder is left. */
  close(): Promise<void>
}

export function openFolder(): Folder {
  const dir = mkdtempSync(join(tmpdir(), 'understudy-line-'))
  const path = (...names: readonly string[]): string => join(dir, ...names)
  const run = (...args: readonly string[]): Promise<Ran> => runIn(dir, args)
  return {
    dir,
    path,
    write(name, text) {
      mkdirSync(dirname(path(name)), { recursive: true })
      writeFileSync(path(name), text)
    },
    read: (name) => readFileSync(path(name), 'utf8'),
    run,
    async close() {
      await run('keeper', 'stop')
      await vi.waitFor(() => expect(processesOf(dir)).toEqual([]), { timeout: 20_000 })
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function runIn(dir: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: tmpdir() } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (stderr += chunk))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const lines = args.includes('--json')
    ? stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Line => JSON.parse(line))
    : []
  return { code, stdout, stderr, lines }
}

/** Processes that were started for something in this folder. */
function processesOf(dir: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        return command.includes(dir) ? [command] : []
      } catch {
        return [] // it has ended meanwhile
      }
    })
}
