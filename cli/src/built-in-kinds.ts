// Owns: the kinds that come with Understudy, in one place.
// Never: more than a list.
import { kindOf } from '@understudy/engine'
import type { Kind } from '@understudy/engine'
import { commandRun, filesFile, filesTree, processService, proxyRoute, sqliteDatabase } from '@understudy/providers'

export function builtInKinds(): readonly Kind[] {
  return [kindOf(filesTree), kindOf(filesFile), kindOf(processService), kindOf(proxyRoute), kindOf(commandRun), kindOf(sqliteDatabase)]
}
