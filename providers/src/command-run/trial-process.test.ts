import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStage } from '@understudy/engine/testing'
import type { Stage } from '@understudy/engine/testing'

let stage: Stage

beforeEach(async () => {
  stage = await openStage()
  mkdirSync(join(stage.dir, 'etc'))
})

afterEach(() => stage.close())

/** Freezes a command in a process of its own, and prints the code and text of the fault that it ends with. */
function program(command: readonly string[], dir: string): string {
  return `
    import { openStage } from '@understudy/engine/testing'
    import { commandRun } from '@understudy/providers'
    const stage = await openStage()
    const spec = { command: ${JSON.stringify(command)}, cwd: ${JSON.stringify(dir)}, writes: [${JSON.stringify(join(dir, 'etc'))}] }
    try {
      await commandRun.source.freeze(spec, ${JSON.stringify(dir)}, stage.hands('primary', 'cmd', 'k'))
      process.stdout.write('frozen')
    } catch (thrown) {
      process.stdout.write(thrown.fault.code + ' | ' + thrown.fault.detail + ' | ' + thrown.fault.hint)
    }
    await stage.close()
  `
}

function start(argv: readonly string[]) {
  const cwd = join(import.meta.dirname, '..', '..', '..')
  return spawn(argv[0] ?? '', argv.slice(1), { cwd, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: stage.dir } })
}

const node = (code: string): readonly string[] => [process.execPath, '--input-type=module', '-e', code]

test('where user namespaces are not allowed it is refused, with the reason and the way out', async () => {
  const code = program(['true'], stage.dir)
  // The limit counts in the namespace that sets it, and below: nothing outside notices.
  const script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
  const child = start(['unshare', '--user', '--map-root-user', 'sh', '-c', script, 'limited', ...node(code)])
  let said = ''
  for await (const part of child.stdout) said += String(part)
  expect(said).toMatch(/^command\.no-sandbox \| /)
  expect(said).toMatch(/unshare/)
  expect(said).toMatch(/confine: none/)
})

test('L8: killed in the middle of a trial, its sandbox ends with it', async () => {
  const marker = `271828.${process.pid}`
  const child = start(node(program(['sleep', marker], stage.dir)))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const sleeping = (): boolean => processes().some((line) => line === `sleep\0${marker}\0`)
  while (!sleeping()) await wait(10)
  child.kill('SIGKILL')
  await exited
  while (processes().some((line) => line.includes(marker))) await wait(10)
})

function processes(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
}
