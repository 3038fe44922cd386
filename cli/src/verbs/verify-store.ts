// Owns: `verify-store`: all that is kept, read and compared with its names and hashes.
// Never: changes anything.
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { showFindings, storeFindings } from '../store-findings.ts'

export function verifyStoreVerb(context: Context): Promise<Exit> {
  return context.withStacks(async (session) => showFindings(context, 'verify-store', (await storeFindings(session)).findings))
}
