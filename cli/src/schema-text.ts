// Owns: the JSON Schema of stack files, as text, for the kinds that a stack file may use.
// Never: more.
import { dirname, join } from 'node:path'
import { kindTable, stackSchema } from '@understudy/engine'
import { loadKinds } from './load-kinds.ts'
import { storeFolder } from './session.ts'

export async function schemaText(stackFile: string): Promise<string> {
  const { named } = await loadKinds(stackFile, join(dirname(stackFile), storeFolder))
  return `${JSON.stringify(stackSchema(kindTable(new Map(named.map((kind) => [kind.kind, kind])))), null, 2)}\n`
}
