import { expect, test } from 'vitest'
import type { Allowed } from './tidy/allowed.ts'
import { checkFiles } from './tidy/check-files.ts'
import { problemText, type Rule, rules } from './tidy/problem.ts'
import type { TextFile } from './tidy/source-file.ts'

const opening = '// Owns: a sample.\n'
const anyType = 'any'
const machine = ['', 'work', 'main', 'a'].join('/')
const host = ['registry', 'npmjs', 'org'].join('.')

/** A path, what stands under the opening comment, and the rule it breaks (null: none). */
const cases: readonly (readonly [path: string, code: string, broken: Rule | null])[] = [
  ['engine/src/plan/a.ts', 'export const = 3', 'parse'],
  // Packages
  ['contract/src/a.ts', "import { z } from 'zod'\nexport const a = z", 'import-direction'],
  ['contract/src/a.ts', "import { readFileSync } from 'node:fs'\nexport const a = readFileSync", 'import-direction'],
  ['contract/src/a.ts', "export { test } from 'vitest'", 'import-direction'],
  ['contract/src/conformance/a.ts', "export { test } from 'vitest'", null],
  ['contract/src/a.ts', "export { b } from './b.ts'", null],
  ['contract/src/a.ts', "export type A = import('@understudy/engine').A", 'import-direction'],
  ['engine/src/plan/a.ts', "export { a } from '@understudy/contract'", null],
  ['engine/src/plan/a.ts', "export { a } from '@understudy/engine'", 'import-direction'],
  ['engine/src/plan/a.ts', "export { a } from '@understudy/providers'", 'import-direction'],
  ['engine/src/plan/a.ts', "export { a } from '../../../contract/src/a.ts'", 'import-direction'],
  ['providers/src/files/a.ts', "export { a } from '@understudy/engine'", 'import-direction'],
  ['providers/src/files/a.test.ts', "import { a } from '@understudy/engine'\na()", null],
  ['tests/crash/a.ts', "import { a } from 'understudy'\na()", 'import-direction'],
  ['bench/src/a.ts', "await import('../../cli/src/main.ts')", 'import-direction'],
  ['cli/src/a.ts', "export { a } from '@understudy/engine'", null],
  ['elsewhere/src/a.ts', "export { a } from '@understudy/engine'", 'import-direction'],
  // Stages
  ['engine/src/plan/a.ts', "export { a } from '../intent/a.ts'", null],
  ['engine/src/plan/a.ts', "export { a } from '../shadow/a.ts'", 'stage-order'],
  ['engine/src/shadow/a.ts', "export type { A } from '../rollback/a.ts'", 'stage-order'],
  ['engine/src/rollback/a.ts', "export { a } from '../exec/a.ts'", null],
  ['engine/src/exec/a.ts', "export { a } from '../apply/a.ts'", 'stage-order'],
  ['engine/src/journal/a.ts', "export { a } from '../store/a.ts'", null],
  ['engine/src/model/a.ts', "export { a } from '../store/a.ts'", 'stage-order'],
  ['engine/src/model/a.ts', "export { z } from 'zod'", 'stage-order'],
  ['engine/src/apply/a.ts', "export { a } from '../pipeline.ts'", 'stage-order'],
  ['engine/src/apply/a.ts', "export { a } from '../testing/a.ts'", 'stage-order'],
  ['engine/src/apply/a.test.ts', "import { a } from '../testing/a.ts'\na()", null],
  ['engine/src/pipeline.ts', "export { a } from './rollback/a.ts'", null],
  ['engine/src/keeper/a.ts', "export { a } from '../apply/a.ts'", null],
  ['engine/src/novelty/a.ts', "export { a } from '../apply/a.ts'", 'stage-order'],
  // No effects but through the port
  ['providers/src/files/a.ts', "import { readFileSync } from 'node:fs'\nexport const a = readFileSync", 'provider-effects'],
  ['providers/src/files/a.ts', "import { get } from 'http'\nexport const a = get", 'provider-effects'],
  ['providers/src/files/a.ts', "export const a = (await import('node:sqlite')).DatabaseSync", 'provider-effects'],
  ['providers/src/files/a.ts', "export { posix } from 'node:path'", null],
  ['engine/src/plan/a.ts', 'export const a = Date.now()', 'core-purity'],
  ['engine/src/plan/a.ts', 'export const a = new Date()', 'core-purity'],
  ['engine/src/plan/a.ts', 'export const a = new Date(0)', null],
  ['engine/src/model/a.ts', 'export const a = Math.random()', 'core-purity'],
  ['engine/src/exec/a.ts', 'setTimeout(() => {}, 1)', 'core-purity'],
  ['engine/src/shadow/a.ts', "export const a = process.env['HOME']", 'core-purity'],
  ['engine/src/apply/a.ts', "export { readFileSync } from 'node:fs'", 'core-purity'],
  ['engine/src/keeper/a.ts', 'export const a = Date.now()', null],
  // Ways around the ports
  ['engine/src/plan/a.ts', "export const a = await fetch('http://a')", 'core-purity'],
  ['engine/src/journal/a.ts', "import { randomBytes } from 'node:crypto'\nexport const a = randomBytes(1)", 'core-purity'],
  ['engine/src/journal/a.ts', "import { createHash } from 'node:crypto'\nexport const a = createHash('sha256')", null],
  ['engine/src/world/a.ts', "import { randomBytes } from 'node:crypto'\nexport const a = randomBytes(1)", null],
  ['engine/src/plan/a.ts', "export const a = process.getBuiltinModule('fs')", 'core-purity'],
  ['engine/src/plan/a.ts', "import { createRequire } from 'node:module'\nexport const a = createRequire(import.meta.url)", 'core-purity'],
  ['engine/src/plan/a.ts', "export { openPorts } from '../world/open-ports.ts'", 'stage-order'],
  ['engine/src/exec/a.ts', "export { openPorts } from '../world/open-ports.ts'", 'stage-order'],
  ['engine/src/plan/a.ts', "export type { Sources } from '../world/sources.ts'", null],
  ['engine/src/fx/a.ts', "export type { Ports } from '../exec/ports.ts'", 'stage-order'],
  ['engine/src/store/a.ts', "export type { Ports } from '../exec/ports.ts'", 'stage-order'],
  ['providers/src/a/a.ts', 'export const a = Date.now()', 'provider-effects'],
  ['providers/src/a/a.ts', "export const a = await fetch('http://a')", 'provider-effects'],
  ['providers/src/a/a.ts', 'export const a = setTimeout(() => 0, 1)', 'provider-effects'],
  ['providers/src/a/a.test.ts', 'export const a = Date.now()', null],
  // Files
  ['engine/src/plan/path-utils.ts', 'export const a = 1', 'file-name'],
  ['engine/src/common/a.ts', 'export const a = 1', 'file-name'],
  ['engine/src/plan/planDiff.ts', 'export const a = 1', 'file-name'],
  ['engine/src/plan/base.ts', 'export const a = 1', 'file-name'],
  ['engine/src/plan/base-image.ts', 'export const a = 1', null],
  ['engine/src/plan/a.ts', 'export const a = 1\n'.repeat(1) + '//\n'.repeat(500), 'file-length'],
  ['engine/src/plan/a.test.ts', '//\n'.repeat(799), null],
  ['engine/src/plan/a.test.ts', '//\n'.repeat(801), 'file-length'],
  ['engine/src/plan/a.ts', '//\n'.repeat(5), 'opening-comment'],
  // Code
  ['engine/src/plan/a.ts', 'export class StoreManager {}', 'exported-name'],
  ['engine/src/plan/a.ts', 'export const pathUtil = 1', 'exported-name'],
  ['engine/src/plan/a.ts', 'export const utilisation = 1', null],
  ['engine/src/plan/a.ts', 'export default 1', 'default-export'],
  ['engine/src/plan/a.ts', 'const a = 1\nexport { a as default }', 'default-export'],
  ['some.config.ts', 'export default 1', null],
  ['engine/src/plan/a.ts', `export const a = 1 as ${anyType}`, 'no-any'],
  ['engine/src/plan/a.ts', `export function a(b: Record<string, ${anyType}>): void {}`, 'no-any'],
  ['engine/src/plan/a.test.ts', `const a = 1 as ${anyType}`, null],
  ['engine/src/plan/a.ts', '// @ts-expect-error\nexport const a: string = 1', 'no-ts-comment'],
  ['engine/src/plan/a.ts', '// @ts-ignore\nexport const a: string = 1', 'no-ts-comment'],
  ['engine/src/plan/a.ts', "export const a = '@ts-ignore'", null],
  ['engine/src/plan/a.test.ts', "test.only('a', () => {})", 'no-partial-tests'],
  ['engine/src/plan/a.test.ts', "describe.skip('a', () => {})", 'no-partial-tests'],
  ['engine/src/plan/a.test.ts', "it.concurrent.todo('a')", 'no-partial-tests'],
  ['engine/src/plan/a.test.ts', "test.skipIf(true)('a', () => {})", null],
  ['engine/src/plan/a.ts', "console.log('a')", 'no-printing'],
  ['engine/src/plan/a.ts', "process.stderr.write('a')", 'no-printing'],
  ['cli/src/verbs/plan.ts', "console.log('a')", 'no-printing'],
  ['cli/src/render/lines.ts', "console.log('a')", null],
  ['bench/src/main.ts', "console.log('a')", null],
  // Any text
  ['engine/src/plan/a.ts', `export const a = '${machine}'`, 'machine-path'],
  ['docs/a.md', `cd ${machine}`, 'machine-path'],
  ['docs/a.md', `upper\${dir}${machine}`, null],
  ['docs/a.md', `https://${host}/zod`, 'registry-host'],
  // Packages
  ['engine/src/plan/a.ts', "export { z } from 'zod'", 'undeclared-package'],
]

test.each(cases)('%s: %j breaks %s', (path, code, broken) => {
  const file = { path, text: path.endsWith('.ts') ? opening + code : code }
  const packages = broken === 'undeclared-package' ? [manifest('engine', {})] : manifestsFor()
  const found = checkFiles([file, ...packages], [])
  expect(found.map(({ rule }) => rule)).toEqual(broken === null ? [] : [broken])
})

test('a source file opens with a comment; index.ts and tests need none', () => {
  expect(broken({ path: 'engine/src/plan/a.ts', text: 'export const a = 1\n' })).toEqual(['opening-comment'])
  expect(broken({ path: 'engine/src/plan/index.ts', text: 'export const a = 1\n' })).toEqual([])
  expect(broken({ path: 'engine/src/plan/a.test.ts', text: 'a()\n' })).toEqual([])
})

test('versions are exact', () => {
  expect(broken(manifest('engine', { yaml: '^2.0.0' }))).toEqual(['pinned-version'])
  expect(broken(manifest('engine', { yaml: '2.0.0' }))).toEqual([])
})

test('the lock file names no hosts and brings no install scripts', () => {
  const lock = (entry: object): TextFile => ({
    path: 'package-lock.json',
    text: JSON.stringify({ packages: { 'node_modules/koffi': entry } }),
  })
  const native = { optionalDependencies: { 'koffi-arm64': '3.0.0' } }
  expect(broken(lock(native))).toEqual(['lock-file'])
  const root = { path: 'package.json', text: JSON.stringify({ allowScripts: { koffi: false } }) }
  expect(broken(lock({ version: '3.0.0' }))).toEqual([])
  expect(broken(lock({ resolved: 'https://example.org/koffi.tgz' }))).toEqual(['lock-file'])
  expect(broken(lock({ resolved: 'contract', link: true }))).toEqual([])
  expect(broken(lock({ hasInstallScript: true }))).toEqual(['install-script'])
  expect(checkFiles([root, lock({ hasInstallScript: true })], [])).toEqual([])
})

test('an exception covers its file and rule, and must be needed', () => {
  const file = { path: 'engine/src/plan/a.ts', text: `${opening}export const a = Date.now()\n` }
  const entry: Allowed = { path: file.path, rule: 'core-purity', reason: 'a sample' }
  expect(checkFiles([file], [entry])).toEqual([])
  expect(checkFiles([{ ...file, path: 'engine/src/plan/b.ts' }], [entry]).map(({ rule }) => rule)).toEqual(['allow-list', 'core-purity'])
})

test('an error names file, line, rule and what to do', () => {
  const [problem] = checkFiles([{ path: 'engine/src/plan/a.ts', text: `${opening}\n\nexport default 1\n` }], [])
  expect(problem && problemText(problem)).toBe(
    'engine/src/plan/a.ts:4  default-export  default export\n    → export it by name, the name of the file',
  )
})

test('every rule is shown failing above', () => {
  const shown = new Set([...cases.map(([, , rule]) => rule), 'pinned-version', 'lock-file', 'install-script', 'allow-list'])
  expect(rules.filter((rule) => !shown.has(rule))).toEqual([])
})

function broken(file: TextFile): Rule[] {
  return checkFiles([file], []).map(({ rule }) => rule)
}

function manifest(folder: string, dependencies: object): TextFile {
  return { path: `${folder}/package.json`, text: JSON.stringify({ name: `@understudy/${folder}`, dependencies }) }
}

/** Everything the samples import is declared, so that each breaks its own rule only. */
function manifestsFor(): TextFile[] {
  const all = {
    zod: '4.0.0',
    vitest: '5.0.0',
    understudy: '1.0.0',
    '@understudy/contract': '1.0.0',
    '@understudy/engine': '1.0.0',
    '@understudy/providers': '1.0.0',
  }
  return ['contract', 'engine', 'providers', 'cli', 'bench', 'tests', 'elsewhere'].map((folder) => manifest(folder, all))
}
