// Owns: starting store-child.ts and reading its lines.
// Never: leaves one behind that the test did not wait for.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Child {
  readonly lines: AsyncIterator<string>
  /** Next line as JSON; null at the end. */
  next(): Promise<Readonly<Record<string, unknown>> | null>
  go(): void
  kill(): void
  /** Its exit code, or null when it was killed; with what it complained about. */
  readonly ended: Promise<{ readonly code: number | null; readonly complaint: string }>
}

/** @param before a command to start it under, e.g. a tracer. */
export function startChild(verb: string, dir: string, count = 0, before: readonly string[] = []): Child {
  const script = join(import.meta.dirname, 'store-child.ts')
  const argv = [...before, process.execPath, '--disable-warning=ExperimentalWarning', script, verb, dir, String(count)]
  const [command = '', ...args] = argv
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  child.stdin.on('error', () => undefined) // it was killed before it was told to go
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    lines,
    async next() {
      const { value, done } = await lines.next()
      return done === true ? null : JSON.parse(value)
    },
    go: () => void child.stdin.write('go\n'),
    kill: () => void child.kill('SIGKILL'),
    ended: new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, complaint }))
    }),
  }
}
