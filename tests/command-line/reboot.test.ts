import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

const PROGRAM = `require('node:http').createServer((_, response) => response.end(process.env.VERSION)).listen(process.env.PORT, '127.0.0.1')`

let folder: Folder
let port: number
beforeEach(async () => {
  folder = openFolder()
  port = await freePort()
  folder.write('program.cjs', PROGRAM)
  for (const version of ['v1', 'v2']) {
    write(version)
    expect(await folder.run('apply')).toMatchObject({ code: 0 })
  }
  expect(await get()).toBe('v2')
})
afterEach(async () => {
  await folder.run('destroy', '--yes')
  await folder.close()
})

function write(version: string): void {
  folder.write(
    'understudy.yaml',
    `stack: one
resources:
  api:
    kind: process.service
    spec:
      command: ['${process.execPath}', '${folder.path('program.cjs')}']
      env: { VERSION: ${version} }
      health: { http: /, startWithinMs: 20000 }
  web:
    kind: proxy.route
    spec: { listen: ${port}, to: '\${api.url}', health: / }
`,
  )
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

const get = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()

/** The instances by their program, the front by the address it listens on. */
function running(): readonly number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const pid = Number(entry)
      if (!Number.isInteger(pid) || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return []
      const facts = `${readFileSync(`/proc/${pid}/cmdline`, 'utf8')}${readFileSync(`/proc/${pid}/environ`, 'utf8')}`
      return facts.includes('UNDERSTUDY_INSTANCE') && (facts.includes(folder.dir) || facts.includes(`\0${port}\0`)) ? [pid] : []
    } catch {
      return [] // it has ended meanwhile
    }
  })
}

async function killAll(): Promise<void> {
  for (const pid of running()) process.kill(pid, 'SIGKILL')
  await expect.poll(running).toEqual([])
}

test('L14: after a reboot status says what is down and that the undo is compiled; recover starts it again; rollback works', async () => {
  expect((await folder.run('status')).stdout).toMatch(/^undo: flip.*kept until the next change/m)
  await killAll()
  const { stdout } = await folder.run('status')
  expect(stdout).toMatch(/^DOWN: api, web; `understudy recover` starts again/m)
  expect(stdout).toMatch(/^undo: compiled/m)
  expect(await folder.run('recover')).toMatchObject({
    code: 0,
    stdout: 'api had ended and is started again, where it was.\nweb had ended and is started again, where it was.\n',
  })
  expect(await get()).toBe('v2')
  await killAll()
  expect(await folder.run('rollback')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('verified against the saved state (compiled'),
  })
  expect(await get()).toBe('v1')
})

test('who took the address of the front meanwhile is a conflict that is named, for recover and for rollback', async () => {
  await killAll()
  const foreign = createServer()
  const listen = (): Promise<unknown> =>
    new Promise((resolve) => foreign.once('error', resolve).listen(port, '127.0.0.1', () => resolve('listens')))
  await expect.poll(listen, { timeout: 10_000 }).toBe('listens') // a killed process holds its port until its last thread is gone
  try {
    expect(await folder.run('recover')).toMatchObject({
      code: 7,
      stdout: expect.stringContaining('web has ended and could NOT be started again'),
    })
    const back = await folder.run('rollback', '--json')
    expect(back.code).toBe(11)
    expect(back.lines).toContainEqual(expect.objectContaining({ type: 'error', code: 'route.port-taken' }))
    expect(back.lines.at(-1)).toMatchObject({ type: 'rollback', outcome: 'failed' })
  } finally {
    await new Promise((resolve) => foreign.close(resolve))
  }
})

test('a keeper that is started after a reboot starts what was live again', async () => {
  await killAll()
  expect(await folder.run('keeper', 'start')).toMatchObject({ code: 0 })
  await expect.poll(() => get().catch(() => ''), { timeout: 20_000 }).toBe('v2')
})

test('an undo in which what is down took no part says that it is down', async () => {
  const stack = folder.read('understudy.yaml')
  folder.write('understudy.yaml', `${stack}  note: { kind: files.file, spec: { path: note, content: one } }\n`)
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  await killAll()
  const undone = await folder.run('rollback', '--json')
  expect(undone).toMatchObject({ code: 0 })
  expect(undone.lines.at(-1)).toMatchObject({ type: 'rollback', outcome: 'undone', ended: ['api', 'web'] })
  expect(await folder.run('recover')).toMatchObject({ code: 0 })
  expect(await folder.run('rollback')).toMatchObject({ code: 0, stdout: expect.not.stringContaining('DOWN') })
})
