// Owns: `validate`, and the JSON Schema for editors.
// Never: reads what is live.
import { collectLog, validateClaims } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { stackFile } from '../session.ts'
import { schemaText } from '../schema-text.ts'

export async function validateVerb(context: Context, values: Readonly<Record<string, unknown>>): Promise<Exit> {
  if (values['schema'] === true) {
    const schema = await schemaText(stackFile(context.options.file))
    context.renderer.result('validate', { schema: JSON.parse(schema) }, () => schema)
    return 'ok'
  }
  return context.withIntent(async ({ intent, session, ports }) => {
    await validateClaims(ports, intent, session.base, collectLog().add)
    const names = Object.keys(intent.resources)
    context.renderer.result(
      'validate',
      { valid: true, stack: intent.stack, resources: names },
      () => `${session.file}: stack ${intent.stack}, ${names.length} resources, nothing wrong.`,
    )
    return 'ok'
  })
}
