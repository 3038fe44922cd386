// Owns: the proof that what `npm pack` makes of the CLI works where it is installed: few packages, no install scripts,
// no Node brought along, small, and able to say its version.
// Never: looks into the checkout from the installed package, or publishes anything.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, toolEnvironment } from './testing/tool-environment.ts'

const stackFile = `import { defineStack, ref } from 'understudy'
import type { StackDefinition } from 'understudy'

const resources: StackDefinition['resources'] = {
  one: { kind: 'files.file', spec: { path: 'one.txt', content: 'one' } },
  two: { kind: 'files.file', spec: { path: 'two.txt', content: ref('one', 'path') } },
}
export default defineStack({ stack: 'packed', resources })
`

/** Bytes and packages: what a user accepts of a command-line tool (docs/TOOLCHAIN: 25 MB, 45 packages). */
const bytesMax = 25_000_000
const packagesMax = 45

const folder = mkdtempSync(join(tmpdir(), 'understudy-pack-'))
let passed = 0
let failed = 0
try {
  run(root, 'npm', 'pack', '--workspace', 'understudy', '--pack-destination', folder)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  run(folder, 'npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`)

  const packages = Object.keys(JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages).filter((place) => place !== '')
  const installed = packages.filter((place) => statSync(join(folder, place), { throwIfNoEntry: false }))
  check(`${installed.length} packages, at most ${packagesMax}`, installed.length <= packagesMax)
  const bytes = sizeOf(join(folder, 'node_modules'))
  check(`${(bytes / 1e6).toFixed(1)} MB, at most ${bytesMax / 1e6}`, bytes <= bytesMax)
  check('brings no Node', !packages.some((place) => /node-linux-|node_modules\/node$/.test(place)))

  const { version } = JSON.parse(readFileSync(join(root, 'cli/package.json'), 'utf8'))
  const said = run(folder, 'node_modules/.bin/understudy', '--version').trim()
  check(`understudy --version says ${JSON.stringify(said)}, packed as ${version}`, said.includes(version))

  writeFileSync(join(folder, 'understudy.ts'), stackFile)
  const valid = run(folder, 'node_modules/.bin/understudy', '-f', 'understudy.ts', 'validate')
  check('a stack file in TypeScript imports understudy', valid.includes('nothing wrong'))
  const strict = ['--ignoreConfig', '--strict', '--noEmit', '--module', 'nodenext', '--target', 'esnext', '--skipLibCheck', 'false']
  run(folder, join(root, 'node_modules/.bin/tsc'), ...strict, 'understudy.ts')
  check('its types are those of the package', true)

  const lab = join(folder, 'node_modules/lab')
  mkdirSync(lab)
  writeFileSync(join(lab, 'package.json'), JSON.stringify({ name: 'lab', type: 'module', exports: './provider.mjs' }))
  copyFileSync(join(root, 'tests/command-line/lab-provider.mjs'), join(lab, 'provider.mjs'))
  writeFileSync(join(folder, 'lab.yaml'), 'stack: lab\nproviders: [lab]\nresources:\n  one: { kind: lab.thing, spec: {} }\n')
  const refused = spawnSync('node_modules/.bin/understudy', ['-f', 'lab.yaml', 'plan'], {
    cwd: folder,
    env: toolEnvironment,
    encoding: 'utf8',
  })
  check('a package finds the contract, and its faults are faults', refused.status === 11 && refused.stderr.includes('lab.taken'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1

function check(what: string, holds: boolean): void {
  console.log(`${holds ? 'ok' : 'NOT'}  ${what}`)
  if (holds) passed += 1
  else failed += 1
}

/** Standard output; throws with everything it said if it fails. */
function run(cwd: string, command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: toolEnvironment, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${status}\n${stdout}\n${stderr}`)
  return stdout
}

/** Bytes of all files below a folder. */
function sizeOf(path: string): number {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
