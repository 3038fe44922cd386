// Owns: DESIGN section 9's directions: which workspace may import which, which folder of the engine may import which,
// and which built-ins stay out of the core and of providers.
// Never: looks at what is done with an import.

import { isBuiltin } from 'node:module'
import { dirname, posix } from 'node:path'
import type { Problem } from './problem.ts'
import type { Import, SourceFile } from './source-file.ts'

/** Who may import whom. What is not named here may not; nobody imports the CLI. */
const downhill: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  engine: ['contract'],
  providers: ['contract'],
  cli: ['contract', 'engine', 'providers'],
  bench: ['contract', 'engine', 'providers'],
  tests: ['contract', 'engine', 'providers'],
  examples: ['contract', 'engine', 'providers'],
  tools: ['contract', 'engine', 'providers'],
}
/** Providers are tested in the engine's real worlds, so their tests may import it. */
const downhillInTests: Readonly<Record<string, readonly string[]>> = { ...downhill, providers: ['contract', 'engine'] }

const packages: Readonly<Record<string, string>> = {
  '@understudy/contract': 'contract',
  '@understudy/engine': 'engine',
  '@understudy/providers': 'providers',
  understudy: 'cli',
}

/** In the order in which a change goes through them; each may import those before it. */
const stages = ['intent', 'plan', 'shadow', 'assess', 'apply', 'verify', 'rollback']
/** What every stage may use, with what each may use itself besides the model. None of them uses a stage. */
const beneath: Readonly<Record<string, readonly string[]>> = {
  fx: [],
  store: ['fx'],
  journal: ['fx', 'store', 'exec'],
  exec: ['fx', 'store', 'journal', 'world'],
  world: ['fx', 'store', 'exec'],
}
/** All of `world` that the core may know: ports that are handed to it. The rest is this machine. */
const ports = ['engine/src/world/call.ts', 'engine/src/world/sources.ts']
/** What may use everything. No stage may use them. */
const above = ['pipeline.ts', 'index.ts', 'keeper', 'testing']

/** No clock, randomness or I/O of their own: those are ports, so that a system can be simulated from a seed. */
export const pureFolders = ['model', 'exec', 'journal', ...stages]

/** Ways to touch the world. In the core they are ports, in a provider they go through `call.fx`. */
const effects = new Set(
  [
    'fs',
    'fs/promises',
    'child_process',
    'cluster',
    'dgram',
    'dns',
    'dns/promises',
    'http',
    'http2',
    'https',
    'net',
    'sqlite',
    'tls',
    'worker_threads',
  ].map((name) => `node:${name}`),
)
const timers = new Set(['node:timers', 'node:timers/promises', 'node:perf_hooks'])

export function checkImports(file: SourceFile): Problem[] {
  return file.imports.flatMap((found) => [...checkDirection(file, found), ...checkStage(file, found), ...checkBuiltin(file, found)])
}

/** The workspace a path or specifier leads to, or null for built-ins and packages that are not ours. */
function targetOf(file: SourceFile, { specifier }: Import): { workspace: string; path: string | null } | null {
  if (specifier.startsWith('.')) {
    const path = posix.join(dirname(file.path), specifier)
    return { workspace: workspaceOf(path), path }
  }
  const name = packageOf(specifier)
  const workspace = name === null ? undefined : packages[name]
  return workspace === undefined ? null : { workspace, path: null }
}

function checkDirection(file: SourceFile, found: Import): Problem[] {
  const from = workspaceOf(file.path)
  const target = targetOf(file, found)
  if (target === null) return from === 'contract' ? checkContract(file, found) : []
  const rule = { path: file.path, line: found.line, rule: 'import-direction' } as const
  if (target.workspace === from) {
    if (target.path !== null || file.isTest) return []
    return [{ ...rule, what: `${found.specifier} is this package itself`, hint: 'import the file by its relative path' }]
  }
  const targets = (file.isTest ? downhillInTests : downhill)[from]
  if (targets === undefined) {
    if (!file.path.includes('/')) return []
    return [{ ...rule, what: `folder ${from} is unknown to tidy`, hint: 'say in tools/tidy/import-rules.ts (downhill) what it may import' }]
  }
  if (!targets.includes(target.workspace)) {
    const may = targets.length === 0 ? 'nothing of ours' : `only ${targets.join(', ')}`
    return [
      {
        ...rule,
        what: `${from} imports ${target.workspace} (${found.specifier})`,
        hint: `${from} may import ${may}: move the code downhill`,
      },
    ]
  }
  if (target.path !== null && from !== 'tools') {
    const name = Object.keys(packages).find((key) => packages[key] === target.workspace)
    return [
      {
        ...rule,
        what: `${found.specifier} reaches into another package`,
        hint: `import ${name}; what is missing there is exported from its index.ts`,
      },
    ]
  }
  return []
}

/** What a provider author installs: no dependencies. Only the conformance suite and test kit use the test tools. */
function checkContract(file: SourceFile, { specifier, line }: Import): Problem[] {
  const kit = file.isTest || /^contract\/src\/(conformance|testing)\//.test(file.path)
  if (kit && (isBuiltin(specifier) || ['vitest', 'fast-check'].includes(packageOf(specifier) ?? ''))) return []
  return [
    {
      path: file.path,
      line,
      rule: 'import-direction',
      what: `contract imports ${specifier}`,
      hint: 'contract imports nothing but itself; vitest, fast-check and node: only under src/conformance and src/testing',
    },
  ]
}

function checkStage(file: SourceFile, found: Import): Problem[] {
  const from = engineFolder(file.path)
  if (from === null || file.isTest) return []
  const rule = { path: file.path, line: found.line, rule: 'stage-order' } as const
  const target = targetOf(file, found)
  if (from === 'model' && target === null && !['node:crypto', 'node:zlib', 'node:buffer'].includes(found.specifier)) {
    return [{ ...rule, what: `model imports ${found.specifier}`, hint: 'model imports only model and contract: values, no machinery' }]
  }
  if (target === null || target.path === null) return []
  const to = engineFolder(target.path)
  if (to === null || to === from || above.includes(from)) return []
  const may = mayUse(from)
  if (may === null)
    return [
      {
        ...rule,
        what: `engine/src/${from} is unknown to tidy`,
        hint: 'give it a place in tools/tidy/import-rules.ts (stages, beneath or above)',
      },
    ]
  if (to === 'world' && pureFolders.includes(from) && !ports.includes(target.path)) {
    const hint = `of world, the core may import only ${ports.map((path) => posix.basename(path)).join(', ')}: take the rest as a port`
    return [{ ...rule, what: `${from} imports ${target.path}`, hint }]
  }
  if (may.includes(to)) return []
  return [
    {
      ...rule,
      what: `${from} imports ${to} (${found.specifier})`,
      hint: `${from} may use ${may.join(', ') || 'only itself'}: imports run downhill`,
    },
  ]
}

function mayUse(folder: string): readonly string[] | null {
  if (folder === 'model') return []
  const lower = beneath[folder]
  if (lower !== undefined) return ['model', ...lower]
  const place = stages.indexOf(folder)
  return place === -1 ? null : ['model', ...Object.keys(beneath), ...stages.slice(0, place)]
}

function checkBuiltin(file: SourceFile, { specifier, line }: Import): Problem[] {
  if (!isBuiltin(specifier) || file.isTest) return []
  const name = specifier.startsWith('node:') ? specifier : `node:${specifier}`
  if (file.path.startsWith('providers/') && (effects.has(name) || timers.has(name))) {
    const hint =
      'effects go through call.fx, which binds them to one world and records them; an exception needs a reason in tools/tidy/allowed.ts'
    return [{ path: file.path, line, rule: 'provider-effects', what: `provider imports ${specifier}`, hint }]
  }
  const folder = engineFolder(file.path)
  if (folder !== null && pureFolders.includes(folder) && (effects.has(name) || timers.has(name))) {
    const hint = 'the core has no clock, randomness or I/O of its own: take a port (fx, store, world) as an argument'
    return [{ path: file.path, line, rule: 'core-purity', what: `${folder} imports ${specifier}`, hint }]
  }
  return []
}

/** `model` for engine/src/model/a.ts, `pipeline.ts` for engine/src/pipeline.ts, null outside the engine. */
export function engineFolder(path: string): string | null {
  return /^engine\/src\/([^/]+)/.exec(path)?.[1] ?? null
}

export function workspaceOf(path: string): string {
  return path.split('/')[0] ?? ''
}

/** Name of the package that a specifier names; null for relative paths and built-ins. */
export function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || isBuiltin(specifier)) return null
  const [scope = '', name = ''] = specifier.split('/')
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}
