// Owns: `init`: a stack file to start from.
// Never: overwrites anything.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { Fault } from '@understudy/contract'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { schemaText } from '../schema-text.ts'
import { writing } from '../writing.ts'

export async function initVerb(context: Context, _values: object, args: readonly string[]): Promise<Exit> {
  const folder = resolve(args[0] ?? '.')
  const file = join(folder, 'understudy.yaml')
  if (existsSync(file)) {
    throw new Fault({
      code: 'init.exists',
      class: 'invalid',
      summary: 'There is a stack file already.',
      detail: file,
      hint: 'Edit it, or choose another folder: `understudy init FOLDER`.',
    })
  }
  const name =
    basename(folder)
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^[^a-z]+|-+$/g, '') || 'my-stack'
  writing(folder, () => mkdirSync(join(folder, 'config'), { recursive: true }))
  const schema = await schemaText(file)
  const made: string[] = []
  const write = (path: string, text: string): void => {
    if (existsSync(path)) return
    writing(path, () => writeFileSync(path, text, { flag: 'wx' }))
    made.push(path)
  }
  write(file, scaffold(name))
  write(join(folder, 'understudy.schema.json'), schema)
  write(join(folder, 'config', 'hello.txt'), 'Hello.\n')
  write(join(folder, '.gitignore'), '.understudy/\nlive/\n')
  context.renderer.result('init', { made }, () =>
    [...made.map((path) => `wrote ${path}`), 'next: understudy whatif, then understudy apply'].join('\n'),
  )
  return 'ok'
}

function scaffold(name: string): string {
  return `# yaml-language-server: $schema=./understudy.schema.json
stack: ${name}

resources:
  # The folder live/config is kept as config/ says; a change of it is undone by one exchange of two directories.
  config:
    kind: files.tree
    spec:
      path: live/config
      source: config
`
}
