// Owns: what every store must do, whatever it is made of. Run by the test of each store.
// Never: knows how a store is made or what lies beneath.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { Digest, Json } from '@understudy/contract'
import type { Clock } from '../../fx/recorder.ts'
import { FIRST } from '../chain.ts'
import type { Holder, Store } from '../store.ts'

export interface OpenedStore {
  readonly store: Store
  /** Another handle on the same content, as another process would have it. */
  again(): Promise<Store>
  /** Closes all handles and removes everything. */
  dispose(): Promise<void>
}

export interface TestClock extends Clock {
  /** Moves the wall clock; backwards too. */
  move(ms: number): void
}

export function createTestClock(): TestClock {
  let ms = 1_700_000_000_000
  return { now: () => ms, monotonic: () => ms, move: (by) => void (ms += by) }
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Fault) return `${error.fault.code} ${error.fault.class}`
    throw error
  }
  return 'no fault'
}

const ann: Holder = { who: 'ann', host: 'one', boot: 'b', pid: 10, start: 100, doing: 'apply' }
const bob: Holder = { who: 'bob', host: 'one', boot: 'b', pid: 11, start: 101, doing: 'rollback' }
const alive = (): boolean => false
const dead = (): boolean => true
const bytesOf = (text: string): Uint8Array => Buffer.from(text)

export function storeSuite(name: string, open: (clock: Clock) => Promise<OpenedStore>): void {
  describe(name, () => {
    let clock: TestClock
    let opened: OpenedStore
    let store: Store
    beforeEach(async () => {
      clock = createTestClock()
      opened = await open(clock)
      store = opened.store
    })
    afterEach(() => opened.dispose())

    const bodies = async (stream: string): Promise<readonly Json[]> => (await store.entries(stream, 0, 1_000)).map(({ body }) => body)

    describe('log', () => {
      test('gives back entries in order, chained, with time and epoch', async () => {
        await store.append('web', 0, 0, [{ a: 1 }, 'two'])
        clock.move(5)
        await store.append('web', 0, 2, [[3, null, { ü: '\ud800' }]])
        const entries = await store.entries('web', 0, 100)
        expect(entries.map(({ seq, body, at, epoch }) => ({ seq, body, at, epoch }))).toEqual([
          { seq: 1, body: { a: 1 }, at: 1_700_000_000_000, epoch: 0 },
          { seq: 2, body: 'two', at: 1_700_000_000_000, epoch: 0 },
          { seq: 3, body: [3, null, { ü: '\ud800' }], at: 1_700_000_000_005, epoch: 0 },
        ])
        expect(entries.map(({ prev }) => prev)).toEqual([FIRST, entries[0]?.hash, entries[1]?.hash])
        expect(await store.head('web')).toEqual({ seq: 3, hash: entries[2]?.hash })
      })
      test('hashes SHA-256 of a line and the canonical JSON, so that anybody can check it', async () => {
        const [entry] = await store.append('web', 0, 0, [{ b: 1, a: [] }])
        expect(entry?.hash).toBe('beaaca512fb323800afe27323c6e4dd7f7aa81918d03ffb1c36c18d95314135f')
      })
      test('reads in pages, and nothing past the end', async () => {
        await store.append('web', 0, 0, [1, 2, 3, 4, 5])
        expect((await store.entries('web', 1, 2)).map(({ seq }) => seq)).toEqual([2, 3])
        expect((await store.entries('web', 3, 100)).map(({ seq }) => seq)).toEqual([4, 5])
        expect(await store.entries('web', 5, 100)).toEqual([])
        expect(await store.entries('web', 99, 100)).toEqual([])
        expect(await store.entries('web', 0, 0)).toEqual([])
        expect(await store.entries('none', 0, 100)).toEqual([])
        expect(await store.head('none')).toEqual({ seq: 0, hash: FIRST })
      })
      test('refuses an append that expects another end, and writes none of it', async () => {
        await store.append('web', 0, 0, [1])
        expect(await codeOf(store.append('web', 0, 0, [2, 3]))).toBe('store.conflict conflict')
        expect(await codeOf(store.append('web', 0, 2, [2, 3]))).toBe('store.conflict conflict')
        expect(await bodies('web')).toEqual([1])
      })
      test('refuses an epoch lower than one that was given out or has written', async () => {
        const { lease } = await store.takeLease('web', ann, 1_000, alive)
        await store.append('web', lease.epoch, 0, [1])
        clock.move(1_000)
        const next = await store.takeLease('web', bob, 1_000, alive)
        expect(await codeOf(store.append('web', lease.epoch, 1, [2]))).toBe('store.conflict conflict')
        expect(await codeOf(store.append('web/shadow', lease.epoch, 0, [2]))).toBe('store.conflict conflict')
        await store.append('web', next.lease.epoch, 1, [3])
        await store.append('other', 0, 0, ['its own stack'])
        expect(await bodies('web')).toEqual([1, 3])
      })
      test('an append of nothing still checks, and changes nothing', async () => {
        expect(await store.append('web', 0, 0, [])).toEqual([])
        expect(await codeOf(store.append('web', 0, 1, []))).toBe('store.conflict conflict')
        expect(await store.streams('')).toEqual([])
      })
      test('of many writers with two handles exactly one wins each place', async () => {
        const second = await opened.again()
        for (let seq = 0; seq < 20; seq++) {
          const handles = [store, second, store, second, store, second]
          const results = await Promise.all(handles.map((handle, writer) => codeOf(handle.append('web', 0, seq, [`${seq} ${writer}`]))))
          expect(results.filter((code) => code === 'no fault')).toHaveLength(1)
          expect(results.filter((code) => code === 'store.conflict conflict')).toHaveLength(5)
        }
        expect((await second.head('web')).seq).toBe(20)
        expect(await second.entries('web', 0, 100)).toEqual(await store.entries('web', 0, 100))
      })
      test('keeps any JSON as it is, and refuses what is not', async () => {
        const odd: Json = JSON.parse('{"__proto__":{"x":1},"constructor":2,"":[],"\\u0000":"\\u0000\\ufffd\\u2028","n":-1e-7,"big":1e300}')
        await store.append('web', 0, 0, [odd])
        expect(JSON.stringify(await bodies('web'))).toBe(
          `[${JSON.stringify({ '': [], '\0': '\0\ufffd\u2028' }).slice(0, -1)},"__proto__":{"x":1},"big":1e+300,"constructor":2,"n":-1e-7}]`,
        )
        expect(await codeOf(store.append('web', 0, 1, [Number.NaN]))).toBe('store.not-json bug')
        let deep: Json = 1
        for (let depth = 0; depth < 600; depth++) deep = [deep]
        expect(await codeOf(store.append('web', 0, 1, [1, deep]))).toBe('store.not-json bug')
        expect((await store.head('web')).seq).toBe(1)
      })
      test('refuses an entry over 1 MiB', async () => {
        await store.append('web', 0, 0, ['x'.repeat((1 << 20) - 2)])
        expect(await codeOf(store.append('web', 0, 1, ['x'.repeat((1 << 20) - 1)]))).toBe('store.too-big invalid')
      })
      test('checks an object piece by piece, and lists all by name', async () => {
        const contents = [Buffer.from('small'), Buffer.alloc(0), Buffer.alloc(9 << 20, 'big')]
        const digests = await Promise.all(contents.map((content) => store.objects.put(content)))
        for (const [index, digest] of digests.entries()) {
          const found = await store.objects.check(digest)
          expect([found?.bytes, found?.first[0]]).toEqual([contents[index]?.length, contents[index]?.[0]])
        }
        expect(await store.objects.check(store.objects.name(Buffer.from('none')))).toBe(null)
        const [first, ...others] = digests.toSorted()
        expect(await store.objects.digests(null, 1)).toEqual([first])
        expect(await store.objects.digests(first ?? null, 10)).toEqual(others)
        expect(await store.objects.digests(others.at(-1) ?? null, 10)).toEqual([])
      })
      test('lists streams by prefix in the order of bytes, and drops those that are not a stack itself', async () => {
        for (const stream of ['web', 'web/b', 'web/a/1', 'wea', 'web/ü', 'web/\u{1f600}', 'web/\uffee'])
          await store.append(stream, 0, 0, [1])
        expect(await store.streams('web/')).toEqual(['web/a/1', 'web/b', 'web/ü', 'web/\uffee', 'web/\u{1f600}'])
        expect(await store.streams('')).toHaveLength(7)
        await store.dropStream('web/b')
        await store.dropStream('web/none')
        expect(await store.streams('web/b')).toEqual([])
        expect(await store.head('web/b')).toEqual({ seq: 0, hash: FIRST })
        expect(await codeOf(store.dropStream('web'))).toBe('store.bad-name invalid')
        await store.append('web/b', 0, 0, ['anew'])
        expect(await bodies('web/b')).toEqual(['anew'])
      })
      test('refuses names it could not give back', async () => {
        for (const bad of ['', '\0', 'a\nb', '\ud800', 'x'.repeat(513)]) {
          expect(await codeOf(store.append(bad, 0, 0, [1]))).toBe('store.bad-name invalid')
          expect(await codeOf(store.send(bad, 'key', 1))).toBe('store.bad-name invalid')
        }
        expect(await codeOf(store.send('web/x', 'key', 1))).toBe('store.bad-name invalid')
        expect(await codeOf(store.append('/x', 0, 0, [1]))).toBe('store.bad-name invalid')
      })
    })

    describe('objects', () => {
      test('gives back what was put, by a digest that is the same for the same content', async () => {
        const contents = [
          new Uint8Array(0),
          bytesOf('x'),
          bytesOf('hello '.repeat(1_000)),
          Uint8Array.from({ length: 300 }, (_, at) => (at * 7) % 256),
        ]
        for (const content of contents) {
          const digest = await store.objects.put(content)
          expect(digest).toMatch(/^h:[0-9a-f]{64}$/)
          expect(store.objects.name(content)).toBe(digest)
          expect(await store.objects.put(content)).toBe(digest)
          expect(Buffer.from(await store.objects.get(digest)).equals(content)).toBe(true)
        }
        expect((await store.objects.usage()).objects).toBe(contents.length)
      })
      test('keeps objects bigger than a piece', async () => {
        const big = Buffer.alloc(9 << 20, 'understudy')
        big[5 << 20] = 0
        const digest = await store.objects.put(big)
        expect(big.equals(await store.objects.get(digest))).toBe(true)
        expect((await store.objects.usage()).objects).toBe(1)
        await store.objects.drop([digest])
        expect(await store.objects.usage()).toEqual({ objects: 0, bytes: 0 })
      })
      test('names without keeping, and says what is missing', async () => {
        const digest = store.objects.name(bytesOf('never put'))
        expect(await store.objects.has(digest)).toBe(false)
        expect(await codeOf(store.objects.get(digest))).toBe('store.missing invalid')
      })
      test('is not changed by whoever holds the bytes', async () => {
        const bytes = bytesOf('content')
        const digest = await store.objects.put(bytes)
        bytes[0] = 0
        const got = await store.objects.get(digest)
        got[1] = 0
        expect(Buffer.from(await store.objects.get(digest)).toString()).toBe('content')
      })
      test('forgets what is dropped and nothing else; dropping twice is fine', async () => {
        const [one, two] = await Promise.all([store.objects.put(bytesOf('one')), store.objects.put(bytesOf('two'))])
        await store.objects.drop([one])
        await store.objects.drop([one])
        expect([await store.objects.has(one), await store.objects.has(two)]).toEqual([false, true])
        expect(await store.objects.put(bytesOf('one'))).toBe(one)
        expect(Buffer.from(await store.objects.get(one)).toString()).toBe('one')
      })
      test('is seen by another handle as soon as put has resolved', async () => {
        const second = await opened.again()
        const digest = await store.objects.put(bytesOf('shared'))
        expect(Buffer.from(await second.objects.get(digest)).toString()).toBe('shared')
        await store.objects.flush()
      })
      test('takes thousands at once', async () => {
        const digests: readonly Digest[] = await Promise.all(
          Array.from({ length: 5_000 }, (_, at) => store.objects.put(bytesOf(`object ${at}`))),
        )
        await store.append('web', 0, 0, [digests.slice(0, 10)])
        expect((await store.objects.usage()).objects).toBe(5_000)
        expect(Buffer.from(await store.objects.get(digests[4_321] ?? 'h:')).toString()).toBe('object 4321')
      })
    })

    describe('inbox', () => {
      test('keeps messages in order, and each key once', async () => {
        await store.send('web', 'confirm 1', { confirm: 1 })
        clock.move(7)
        await store.send('web', 'cancel', { cancel: true })
        await store.send('web', 'confirm 1', { confirm: 'again' })
        await store.send('other', 'confirm 1', 'its own')
        expect(await store.inbox('web', 0, 10)).toEqual([
          { seq: 1, at: 1_700_000_000_000, body: { confirm: 1 } },
          { seq: 2, at: 1_700_000_000_007, body: { cancel: true } },
        ])
        expect((await store.inbox('web', 1, 10)).map(({ seq }) => seq)).toEqual([2])
        expect((await store.inbox('web', 0, 1)).map(({ seq }) => seq)).toEqual([1])
        expect(await store.inbox('none', 0, 10)).toEqual([])
      })
      test('of many senders with two handles none is lost', async () => {
        const second = await opened.again()
        await Promise.all(Array.from({ length: 60 }, (_, at) => (at % 2 ? store : second).send('web', `key ${at % 30}`, at)))
        const messages = await second.inbox('web', 0, 100)
        expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1))
        expect(new Set(messages.map(({ body }) => Number(body) % 30)).size).toBe(30)
      })
    })

    describe('lease', () => {
      test('one has it; the other is told who', async () => {
        const first = await store.takeLease('web', ann, 1_000, alive)
        expect(first).toEqual({
          taken: true,
          lease: { stack: 'web', epoch: 1, holder: ann, takenAt: 1_700_000_000_000, until: 1_700_000_001_000 },
        })
        expect(await store.takeLease('web', bob, 1_000, alive)).toEqual({ taken: false, lease: first.lease })
        expect(await store.takeLease('web', ann, 1_000, alive)).toEqual({ taken: false, lease: first.lease })
        expect(await store.leaseOf('web')).toEqual(first.lease)
        expect((await store.takeLease('other', bob, 1_000, alive)).taken).toBe(true)
      })
      test('L9: each taking gives a higher epoch, also after it was given back', async () => {
        const epochs: number[] = []
        for (let round = 0; round < 5; round++) {
          const { lease } = await store.takeLease('web', ann, 1_000, alive)
          epochs.push(lease.epoch)
          await store.freeLease('web', lease.epoch)
          await store.freeLease('web', lease.epoch)
          expect(await store.leaseOf('web')).toBeNull()
        }
        expect(epochs).toEqual([1, 2, 3, 4, 5])
      })
      test('an epoch is higher than any that has written', async () => {
        await store.append('web', 7, 0, ['imported'])
        expect((await store.takeLease('web', ann, 1_000, alive)).lease.epoch).toBe(8)
      })
      test('L8: that of a dead holder is taken over at once', async () => {
        await store.takeLease('web', ann, 1_000_000, alive)
        const asked: Holder[] = []
        const over = await store.takeLease('web', bob, 1_000, (holder) => asked.push(holder) > 0)
        expect(over).toMatchObject({ taken: true, lease: { epoch: 2, holder: bob } })
        expect(asked).toEqual([ann])
      })
      test('that which ran out is taken over, and the old holder finds out', async () => {
        const { lease } = await store.takeLease('web', ann, 1_000, alive)
        clock.move(999)
        expect((await store.takeLease('web', bob, 1_000, alive)).taken).toBe(false)
        clock.move(1)
        expect((await store.takeLease('web', bob, 1_000, alive)).taken).toBe(true)
        expect(await store.renewLease('web', lease.epoch, 1_000)).toBe(false)
        await store.freeLease('web', lease.epoch)
        expect(await store.leaseOf('web')).toMatchObject({ epoch: 2, holder: bob })
      })
      test('renewing keeps it, even late if nobody took it', async () => {
        const { lease } = await store.takeLease('web', ann, 1_000, alive)
        clock.move(900)
        expect(await store.renewLease('web', lease.epoch, 1_000)).toBe(true)
        clock.move(900)
        expect((await store.takeLease('web', bob, 1_000, alive)).taken).toBe(false)
        clock.move(5_000)
        expect(await store.renewLease('web', lease.epoch, 1_000)).toBe(true)
        expect((await store.takeLease('web', bob, 1_000, alive)).taken).toBe(false)
        await store.freeLease('web', lease.epoch)
        expect(await store.renewLease('web', lease.epoch, 1_000)).toBe(false)
        expect(await store.renewLease('none', 1, 1_000)).toBe(false)
      })
      test('a clock that goes back an hour delays a takeover by one term, not by an hour', async () => {
        await store.takeLease('web', ann, 1_000, alive)
        clock.move(-3_600_000)
        expect((await store.takeLease('web', bob, 1_000, alive)).taken).toBe(false)
        clock.move(999)
        expect((await store.takeLease('web', bob, 1_000, alive)).taken).toBe(false)
        clock.move(1)
        expect((await store.takeLease('web', bob, 1_000, alive)).taken).toBe(true)
      })
      test('of many takers with two handles exactly one gets it', async () => {
        const second = await opened.again()
        for (let round = 1; round <= 20; round++) {
          const gone = round % 2 ? dead : alive
          if (!(round % 2)) clock.move(10_000)
          const takers = Array.from({ length: 8 }, (_, at) =>
            (at % 2 ? store : second).takeLease('web', { ...ann, pid: at }, 1_000, (holder) => gone() && holder.pid >= 100),
          )
          const answers = await Promise.all(takers)
          const won = answers.filter(({ taken }) => taken)
          expect(won).toHaveLength(round % 2 && round > 1 ? 0 : 1)
        }
      })
    })

    test('a closed store refuses to be used, and closes twice', async () => {
      await store.close()
      await store.close()
      expect(await codeOf(store.head('web'))).toBe('store.closed bug')
      expect(await codeOf(store.append('web', 0, 0, [1]))).toBe('store.closed bug')
      expect(await codeOf(store.objects.put(bytesOf('x')))).toBe('store.closed bug')
    })
  })
}
