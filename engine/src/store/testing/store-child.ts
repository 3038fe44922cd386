// Owns: what another process does with a store while a test watches, kills or traces it: one line of JSON per thing done.
// Never: run by anything but tests. Arguments: verb, folder, a number.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { openSqliteStore } from '../sqlite-store.ts'
import type { Holder, Store } from '../store.ts'

const [verb = '', dir = '', number = '0'] = process.argv.slice(2)
const count = Number(number)
const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const holder: Holder = { who: 'child', host: 'here', boot: 'b', pid: process.pid, start: 1, doing: verb }
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`)
const open = (): Promise<Store> => openSqliteStore({ dir, clock })

const verbs: Readonly<Record<string, () => Promise<void>>> = {
  /** Makes the store if it is not there, and wants the lease. */
  async lease() {
    const store = await open()
    const { taken } = await store.takeLease('web', holder, 3_600_000, () => false)
    say({ taken, name: store.objects.name(Buffer.from('content')) })
    await store.close()
  },
  /** Adds so many entries, each after whatever others have added. */
  async contend() {
    const store = await open()
    for (let done = 0; done < count;) {
      const { seq } = await store.head('web')
      try {
        await store.append('web', 0, seq, [{ pid: process.pid, done }])
        done++
      } catch {
        // somebody was quicker
      }
    }
    say({ done: count })
    await store.close()
  },
  /** Puts objects and entries that name them until it is killed; says what was acknowledged. */
  async write() {
    const store = await open()
    const { lease } = await store.takeLease('web', holder, 3_600_000, () => true)
    let { seq } = await store.head('web')
    for (;;) {
      const round = `${process.pid} ${seq}`
      const sizes = [10, 3_000, seq % 7 === 0 ? 5 << 20 : 100]
      const digests = await Promise.all(sizes.map((size, at) => store.objects.put(Buffer.alloc(size, `${round} ${at} `))))
      await store.append('web', lease.epoch, seq, [{ digests }, { round }])
      seq += 2
      say({ seq, digests })
    }
  },
  /** Appends one after the other, then puts objects without appending. `mark` files say in a trace which is which. */
  async trace() {
    const store = await open()
    await store.append('web', 0, 0, ['warm'])
    say({ mark: 'appends' })
    for (let at = 0; at < count; at++) await store.append('web', 0, at + 1, [{ at }])
    say({ mark: 'puts' })
    for (let at = 0; at < count; at++) await store.objects.put(Buffer.from(`object ${at}`))
    say({ mark: 'append after puts' })
    await store.append('web', 0, count + 1, ['last'])
    say({ mark: 'many appends' })
    await Promise.all(Array.from({ length: count }, (_, at) => store.append(`s${at}`, 0, 0, [at])))
    say({ mark: 'end' })
    await store.close()
  },
}

say({ ready: true })
for await (const _ of createInterface(process.stdin)) break // until the test says go
const run = verbs[verb]
if (run === undefined) throw new Error(`no verb ${verb}`)
await run()
process.stdin.destroy()
