// Owns: the SQL channel of `call.fx`: SQLite databases by path, each open one connection of its own.
// Never: records what is only read, or a parameter.
import type { Reads, Writes } from '@understudy/contract'
import { copyDatabase } from './copy-database.ts'
import { openScratch, openToRead, openToWrite } from './open-database.ts'
import type { Recorder } from './recorder.ts'
import { sqlReads, sqlWrites } from './sql-connection.ts'
import { sqlFault } from './sql-fault.ts'

export function sqlChannel(recorder: Recorder): { readonly reads: Reads['sql']; readonly writes: Writes['sql'] } {
  const { signal } = recorder
  const now = (): number => recorder.clock.monotonic()
  const leftMs = (): number => recorder.leftMs()
  const unseen = { signal, now, leftMs, note: () => undefined }
  const alone = { whole: () => true, again: () => false }
  return {
    reads: {
      open: (file) => sqlReads({ ...unseen, ...openToRead(file, leftMs()), file }),
      scratch() {
        const db = openScratch()
        return sqlWrites({ ...unseen, ...alone, db: () => db, file: ':memory:' })
      },
    },
    writes: {
      open(file) {
        const db = openToWrite(file, leftMs())
        const note = (target: string, startedMs: number, result: string): void =>
          recorder.note({ channel: 'sql', verb: 'statement', target, startedMs, result, bytes: 0 })
        return sqlWrites({ signal, now, leftMs, note, ...alone, db: () => db, file })
      },
      async copy(from, to) {
        const startedMs = now()
        const note = (result: string): void =>
          recorder.note({ channel: 'sql', verb: 'copy', target: `${from} -> ${to}`, startedMs, result, bytes: 0 })
        try {
          await copyDatabase(from, to, signal)
          note('ok')
        } catch (error) {
          const failed = sqlFault(error, from, null)
          note(failed.fault.code)
          throw failed
        }
      },
    },
  }
}
