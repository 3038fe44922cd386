// Owns: the JSON Schema of stack files, as text, for the kinds that a stack file may use.
// Never: more.
import { kindTable, stackSchema } from '@understudy/engine'
import { loadKinds } from './load-kinds.ts'

export async function schemaText(stackFile: string): Promise<string> {
  const kinds = await loadKinds(stackFile)
  return `${JSON.stringify(stackSchema(kindTable(new Map(kinds.map((kind) => [kind.kind, kind])))), null, 2)}\n`
}
