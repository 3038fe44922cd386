// Owns: package.json files and the lock file: exact versions, no registry hosts, no install scripts, and every
// imported package declared where it is imported.
// Never: asks a registry.

import { packageOf, workspaceOf } from './import-rules.ts'
import type { Problem } from './problem.ts'
import type { SourceFile, TextFile } from './source-file.ts'

interface PackageJson {
  readonly name?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly allowScripts?: Readonly<Record<string, boolean>>
}

interface LockEntry {
  readonly version?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>
}

export function checkPackages(files: readonly TextFile[], sources: readonly SourceFile[]): Problem[] {
  const manifests = new Map<string, PackageJson>()
  const problems: Problem[] = []
  for (const file of files) {
    if (!/^([a-z]+\/)?package\.json$/.test(file.path)) continue
    const manifest: PackageJson = JSON.parse(file.text)
    manifests.set(file.path.includes('/') ? workspaceOf(file.path) : '', manifest)
    problems.push(...checkPins(file, manifest))
  }
  const lock = files.find(({ path }) => path === 'package-lock.json')
  if (lock) problems.push(...checkLock(lock, manifests.get('') ?? {}))
  return [...problems, ...sources.flatMap((file) => checkDeclared(file, manifests))]
}

function checkPins(file: TextFile, manifest: PackageJson): Problem[] {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  return Object.entries(all).flatMap(([name, version]) => {
    if (/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) return []
    const hint = 'write one exact version: npm install --save-exact, with node_modules/.bin first in PATH'
    return [{ path: file.path, line: lineOf(file.text, `"${name}":`), rule: 'pinned-version', what: `${name} ${version}`, hint }]
  })
}

function checkLock(file: TextFile, root: PackageJson): Problem[] {
  const lock: LockFile = JSON.parse(file.text)
  const lacking = Object.entries(lock.packages).flatMap(([place, entry]): Problem[] => {
    const names = Object.entries(entry.optionalDependencies ?? {}).filter(([name, version]) => !isLocked(lock, place, name, version))
    if (names.length === 0) return []
    const hint = 'npm ci refuses that on other registries: pin a version whose platform packages the registry has all of'
    const what = `${place || 'the root'} lacks ${names.map(([name, version]) => `${name}@${version}`).join(', ')}`
    return [{ path: file.path, line: lineOf(file.text, `"${place}": {`), rule: 'lock-file', what, hint }]
  })
  const entries = Object.entries(lock.packages).flatMap(([place, entry]): Problem[] => {
    const line = lineOf(file.text, `"${place}": {`)
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (entry.resolved !== undefined && entry.link !== true) {
      const hint = 'keep omit-lockfile-registry-resolved=true in .npmrc; then rm package-lock.json && npm install'
      return [{ path: file.path, line, rule: 'lock-file', what: `${name} names the place it came from`, hint }]
    }
    if (entry.hasInstallScript === true && root.allowScripts?.[name] !== false) {
      const hint = 'prove that it works without, then refuse it: "allowScripts": { name: false } in the root package.json'
      return [{ path: file.path, line, rule: 'install-script', what: `${name} runs a script when it is installed`, hint }]
    }
    return []
  })
  return [...lacking, ...entries]
}

/** As Node looks it up: beside the package, then in each folder above. An exact version must be that one. */
function isLocked(lock: LockFile, place: string, name: string, version: string): boolean {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const entry = lock.packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]
    if (entry) return !/^\d/.test(version) || entry.version === version
    if (folder === '') return false
  }
}

function checkDeclared(file: SourceFile, manifests: ReadonlyMap<string, PackageJson>): Problem[] {
  const root = manifests.get('') ?? {}
  const own = manifests.get(workspaceOf(file.path))
  const declared = new Set(
    Object.keys({ ...own?.dependencies, ...own?.peerDependencies, ...own?.optionalDependencies, ...own?.devDependencies }),
  )
  // Tools, tests and examples use the root's tools and, as the workspaces they stand beside, our own packages.
  if (own === undefined || file.isTest || /\/(testing|conformance)\//.test(file.path) || file.path.endsWith('/build.ts')) {
    for (const name of Object.keys(root.devDependencies ?? {})) declared.add(name)
    for (const { name } of manifests.values()) if (name !== undefined) declared.add(name)
  }
  return file.imports.flatMap(({ specifier, line }): Problem[] => {
    const name = packageOf(specifier)
    if (name === null || declared.has(name) || name === own?.name) return []
    const hint = `declare it in ${own === undefined ? '' : `${workspaceOf(file.path)}/`}package.json: it is found only by luck`
    return [{ path: file.path, line, rule: 'undeclared-package', what: name, hint }]
  })
}

function lineOf(text: string, found: string): number {
  return text.slice(0, Math.max(0, text.indexOf(found))).split('\n').length
}
