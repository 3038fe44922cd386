import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { faultOf } from '@understudy/contract'
import type { Ports } from '../exec/ports.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { machineClock, openPorts } from '../world/open-ports.ts'
import { withLease } from './lease.ts'

let disk: string
let store: Store
beforeEach(async () => {
  disk = mkdtempSync(join(tmpdir(), 'lease-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
  store = await openSqliteStore({ dir: join(disk, '.understudy'), clock: machineClock })
})
afterEach(async () => {
  await store.close()
  execFileSync('umount', [disk])
  rmSync(disk, { recursive: true })
})

function fill(): void {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize))
}

test('a lease that cannot be given back does not make a done thing undone; that of a dead process is taken over', async () => {
  const dir = join(disk, '.understudy')
  const { signal } = new AbortController()
  const ports = openPorts({ stack: 'web', dir, store, kinds: [], onEvent: () => 0, who: 'tester', through: 'test', signal, parallelism: 1 })
  const done = await withLease(ports, 'apply', async ({ journal }) => {
    await journal.append([{ type: 'tombstone.set', content: `h:${'a'.repeat(64)}`, change: 'c' }])
    fill()
    return 'committed'
  })
  expect(done).toBe('committed')
  rmSync(join(disk, 'ballast'))
  expect(await store.leaseOf('web')).toMatchObject({ holder: { doing: 'apply' } })
  expect(await withLease({ ...ports, gone: () => false }, 'again', async () => '').catch(faultOf)).toMatchObject({ code: 'lease.held' })
  const later: Ports = { ...ports, gone: () => true }
  expect(await withLease(later, 'again', async (writable) => (await writable.state()).seq)).toBe(1)
  expect(await store.leaseOf('web')).toBeNull()
})
