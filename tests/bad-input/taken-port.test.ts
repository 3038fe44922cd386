import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openScene } from './scene.ts'
import type { Scene } from './scene.ts'

const tree = 'stack: t\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n'

let scene: Scene
beforeAll(async () => {
  scene = openScene()
  writeFileSync(
    scene.path('server.cjs'),
    `require('node:http').createServer((_, r) => r.end('ours')).listen(process.env.PORT, '127.0.0.1')`,
  )
  expect((await release('one', '')).code).toBe(0)
})
afterAll(async () => {
  expect((await scene.run(['-y', 'destroy'])).code).toBe(0)
  await scene.sound()
  scene.close()
})

const config = (): string => readFileSync(scene.path('live/config/f'), 'utf8')

function release(text: string, resource: string) {
  writeFileSync(scene.path('src/f'), text)
  scene.stack(`${tree}${resource}`)
  return scene.run(['apply'])
}

const service = (port: number): string =>
  `  api: { kind: process.service, spec: { command: ["${process.execPath}", ${scene.path('server.cjs')}], port: ${port}, health: { http: / } } }\n`
const route = (port: number): string => `  web: { kind: proxy.route, spec: { listen: ${port}, to: "http://127.0.0.1:${port}" } }\n`
const answerOf = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()

/** Somebody else's server, until the test has ended. */
async function foreign(use: (port: number) => Promise<void>): Promise<number> {
  const server: Server = createServer((_request, response) => response.end('foreign'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  try {
    await use(port)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return port
}

test.each([
  ['api', 'service.port-taken', service],
  ['web', 'route.port-taken', route],
] as const)('%s: %s names the port and who has it; the rest of the stack is not touched', async (resource, code, wish) => {
  await foreign(async (port) => {
    const ran = await release('two', wish(port))
    expect(ran.code).toBe(11)
    expect(ran.errors).toMatchObject([{ code, class: 'conflict', resource, hint: expect.stringContaining('another port') }])
    expect(ran.errors[0]?.detail).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}: (.*\\(pid ${process.pid}\\)|somebody) listens there\\.`))
    expect(config()).toBe('one')
    expect(await answerOf(port)).toBe('foreign')
  })
})

test('a service that is to move to a taken port stays where it is, and moves when the port is free', async () => {
  const free = await foreign(async () => undefined)
  expect((await release('one', service(free))).code).toBe(0)
  const taken = await foreign(async (port) => {
    expect((await release('two', service(port))).code).toBe(11)
    expect([config(), await answerOf(free), await answerOf(port)]).toEqual(['one', 'ours', 'foreign'])
  })
  expect((await scene.run(['apply'])).code).toBe(0)
  expect([config(), await answerOf(taken)]).toEqual(['two', 'ours'])
})
