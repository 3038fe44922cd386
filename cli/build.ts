// Owns: `npm run build` of the CLI: everything but native code in dist/, so that an installed Understudy is few packages
// and starts fast (each verb stays a chunk of its own, loaded when it is called).
// Never: runs in a checkout's daily work: there bin/understudy starts src/main.ts.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

const here = import.meta.dirname
const dist = join(here, 'dist')
/** Brings prebuilt binaries in packages of its own, so it is a real dependency. */
const external = ['koffi']

const bundle = await rolldown({
  // The front is a program of its own: providers/src/proxy-route/front-process.ts looks for it beside the bundle.
  // The file worker is a thread: engine/src/fx/ask-file-worker.ts looks for it there, too.
  input: {
    main: join(here, 'src/main.ts'),
    front: join(here, '../providers/src/proxy-route/front/main.ts'),
    index: join(here, 'src/index.ts'),
    contract: join(here, '../contract/src/index.ts'),
    'file-worker': join(here, '../engine/src/fx/file-worker.ts'),
  },
  platform: 'node',
  external: [...external, /^node:/],
  onLog(level, log, handle) {
    // A package that is not bundled by mistake would be missing where Understudy is installed.
    handle(level === 'warn' ? 'error' : level, log)
  },
})
rmSync(dist, { recursive: true, force: true })
const { output } = await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  minify: { compress: true, mangle: false },
})
await bundle.close()

const packages = new Set(output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds.flatMap(folderOf) : [])))
writeFileSync(join(dist, 'third-party-licenses.txt'), [...packages].toSorted().map(licenceOf).join('\n'))
writeFileSync(join(dist, 'index.d.ts'), declarations())
copyFileSync(join(here, '../LICENSE'), join(dist, 'LICENSE'))
const bytes = output.reduce((sum, part) => sum + (part.type === 'chunk' ? part.code.length : part.source.length), 0)
console.log(`cli/dist: ${output.length} files, ${Math.round(bytes / 1024)} KiB, ${packages.size} packages inside`)

/** What editors know of `understudy`: one file that needs no other package. */
function declarations(): string {
  const out = mkdtempSync(join(tmpdir(), 'understudy-types-'))
  try {
    const source = join(here, '../engine/src/intent/define-stack.ts')
    const flags = ['--ignoreConfig', '--declaration', '--emitDeclarationOnly', '--allowImportingTsExtensions', '--module', 'nodenext']
    const { status, stdout } = spawnSync('tsc', [...flags, '--target', 'esnext', '--strict', '--types', 'node', '--outDir', out, source], {
      cwd: join(here, '..'),
      encoding: 'utf8',
      env: { ...process.env, PATH: `${join(here, '../node_modules/.bin')}:${process.env['PATH'] ?? ''}` },
    })
    const found = readdirSync(out, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('define-stack.d.ts'))
    if (status !== 0 || found === undefined) throw new Error(`tsc ended with ${status}\n${stdout}`)
    const json = 'type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };'
    const text = readFileSync(join(out, found), 'utf8').replace(/^import type \{ Json \} from '@understudy\/contract';$/m, json)
    if (/^import /m.test(text)) throw new Error('the declarations of `understudy` need another file')
    return text
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

/** The package folder in node_modules that a bundled module came from. */
function folderOf(moduleId: string): string[] {
  const folder = /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(moduleId)?.[0]
  return folder === undefined ? [] : [folder]
}

/** Licences ask for their text to go along with the code. */
function licenceOf(folder: string): string {
  const { name, version, license }: { name: string; version: string; license: string } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  const file = existsSync(folder) ? readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry)) : undefined
  return `${name} ${version} (${license})\n\n${file === undefined ? '' : readFileSync(join(folder, file), 'utf8')}\n${'-'.repeat(80)}\n`
}
