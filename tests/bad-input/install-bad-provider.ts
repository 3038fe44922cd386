// Owns: `bad.note` as a package beside a stack, and what it does next.
// Never: installs anything outside of the scene.
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Behaviour } from './bad-provider.ts'
import type { Scene } from './scene.ts'

const root = join(import.meta.dirname, '../..')

/** As `npm install ./bad` leaves it: a link in node_modules, beside the packages that it needs. */
export function installBadProvider(scene: Scene): void {
  mkdirSync(scene.path('node_modules/@understudy'), { recursive: true })
  mkdirSync(scene.path('bad'))
  for (const name of ['contract', 'providers']) symlinkSync(join(root, name), scene.path('node_modules/@understudy', name))
  symlinkSync('../bad', scene.path('node_modules/understudy-bad'))
  copyFileSync(join(import.meta.dirname, 'bad-provider.ts'), scene.path('bad/provider.ts'))
  writeFileSync(scene.path('bad/package.json'), JSON.stringify({ name: 'understudy-bad', type: 'module', exports: './provider.ts' }))
  behave(null, scene)
}

export function behave(behaviour: Behaviour | null, on: Scene): void {
  writeFileSync(on.path('bad/behave.json'), JSON.stringify(behaviour ?? {}))
}
