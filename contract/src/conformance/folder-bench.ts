// Owns: the smallest bench there is: files in a temporary folder, content in memory. For the suite's own tests, which
// may not import the engine.
// Never: pretends to be safe or durable; processes, HTTP and SQL are not on it.
import { createHmac } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DirWrites, Effects, EffectRecord, Stat } from '../effects.ts'
import { Fault } from '../fault.ts'
import type { FaultClass } from '../fault.ts'
import type { Digest } from '../json.ts'
import type { Hands } from '../provider.ts'
import type { Bench } from './bench.ts'

export function folderBench(): Bench {
  const root = fs.mkdtempSync(join(tmpdir(), 'understudy-conformance-'))
  const dir = join(root, 'live')
  fs.mkdirSync(dir)
  const objects = new Map<Digest, Uint8Array>()
  const records: EffectRecord[] = []
  const fx = effectsOn((verb, target) => {
    records.push({ channel: 'fs', verb, target, at: 0, durationMs: 0, result: 'ok', bytes: 0, count: 1 })
  })
  const name = (bytes: Uint8Array): Digest => `h:${createHmac('sha256', 'bench').update(bytes).digest('hex')}`
  const call = (world: string, id: string, key: string): Hands => ({
    signal: new AbortController().signal,
    fx,
    room: join(root, 'rooms', world, id),
    key,
    epoch: 1,
    async get(digest) {
      const bytes = objects.get(digest)
      if (bytes === undefined) throw fault('store.missing', 'conflict', digest)
      return bytes
    },
    async put(bytes) {
      objects.set(name(bytes), Uint8Array.from(bytes))
      return name(bytes)
    },
    name,
    nameFiles: async (dir, folder, names) =>
      names.map((file) => {
        const path = folder === '' ? file : `${folder}/${file}`
        const stat = dir.stat(path)
        if (stat?.type !== 'file') return null
        return { digest: name(dir.read(path)), size: stat.size, ino: stat.ino, ctimeNs: stat.ctimeNs }
      }),
    prints: async (dir, names) => new BigUint64Array(names.flatMap((path) => printOf(dir.stat(path)))),
    reveal: async ({ mac }) => Buffer.from(objects.get(mac) ?? []).toString('utf8'),
    progress: () => undefined,
  })
  return {
    dir,
    look: (world, id) => call(world, id, ''),
    hands(world, id, key) {
      const hands = call(world, id, key)
      fs.mkdirSync(hands.room, { recursive: true, mode: 0o700 })
      return hands
    },
    records: () => records,
    close: async () => fs.rmSync(root, { recursive: true, force: true }),
  }
}

function effectsOn(note: (verb: string, target: string) => void): Effects {
  const absent = (): never => {
    throw fault('bench.not-here', 'invalid', 'this bench has files only')
  }
  return {
    fs: {
      open: (dir) => openDir(dir, note),
      space: () => ({ freeBytes: 2 ** 40, totalBytes: 2 ** 41 }),
      ensure: (dir, mode) => void fs.mkdirSync(dir, { recursive: true, mode }),
    },
    process: { alive: absent, memory: absent, find: () => [], bootId: 'boot', run: absent, spawn: absent, signal: absent },
    net: { accepts: absent, freePort: absent },
    http: { get: absent, send: absent },
    sql: { open: absent, scratch: absent, copy: absent },
    time: { now: () => 0, monotonic: () => 0, wait: async () => undefined },
    pause: async () => undefined,
  }
}

function openDir(path: string, note: (verb: string, target: string) => void): DirWrites {
  const full = (name: string): string => (name === '' ? path : join(path, name))
  const read = <T>(name: string, run: (at: string) => T): T => {
    try {
      return run(full(name))
    } catch (thrown) {
      throw faultOfSystem(thrown, full(name))
    }
  }
  const write = <T>(verb: string, name: string, run: (at: string) => T): T => {
    const result = read(name, run)
    note(verb, full(name))
    return result
  }
  read('', (at) => fs.readdirSync(at))
  return {
    path,
    stat: (name) => statOf(full(name)),
    list: (name) =>
      read(name, (at) =>
        fs
          .readdirSync(at)
          .toSorted()
          .map((below) => ({ name: below, type: statOf(join(at, below))?.type ?? 'file' })),
      ),
    read: (name) => read(name, (at) => fs.readFileSync(at)),
    readlink: (name) => read(name, (at) => fs.readlinkSync(at)),
    xattrs: () => ({}),
    close: () => undefined,
    create: (name, bytes, mode) =>
      write('create', name, (at) => {
        fs.writeFileSync(at, bytes, { flag: 'wx' })
        fs.chmodSync(at, mode)
      }),
    mkdir: (name, mode) => write('mkdir', name, (at) => fs.mkdirSync(at, { mode })),
    symlink: (name, target) => write('symlink', name, (at) => fs.symlinkSync(target, at)),
    hardlink: (name, existing) => write('hardlink', name, (at) => fs.linkSync(full(existing), at)),
    mknod: () => undefined,
    chmod: (name, mode) => write('chmod', name, (at) => fs.chmodSync(at, mode)),
    chown: (name, uid, gid) => write('chown', name, (at) => fs.chownSync(at, uid, gid)),
    setMtime: (name, mtimeNs) => write('setMtime', name, (at) => fs.utimesSync(at, Number(mtimeNs) / 1e9, Number(mtimeNs) / 1e9)),
    setXattrs: () => undefined,
    copyFrom: (from, fromName, name, mode) => write('copy', name, (at) => fs.writeFileSync(at, from.read(fromName), { flag: 'wx', mode })),
    remove: (name) => write('remove', name, (at) => fs.rmSync(at, { recursive: true, force: true })),
    rename(name, to, toName, { replace }) {
      const target = join(to.path, toName)
      if (!replace && fs.existsSync(target)) throw fault('fs.exists', 'conflict', target)
      write('rename', name, (at) => fs.renameSync(at, target))
    },
    // Not atomic, which nobody sees here: a death is always between two effects.
    exchange: (name, other, otherName) =>
      write('exchange', name, (at) => {
        const [target, aside] = [join(other.path, otherName), `${at}.aside`]
        fs.renameSync(at, aside)
        fs.renameSync(target, at)
        fs.renameSync(aside, target)
        return true
      }),
    sync: () => undefined,
    syncAll: () => undefined,
  }
}

function printOf(stat: Stat | null): readonly bigint[] {
  if (stat === null) return [0n, 0n, 0n, 0n]
  const { type, ino, size, mode, mtimeNs, ctimeNs } = stat
  return type === 'dir' ? [ino, BigInt(mode), mtimeNs, 0n] : [ino, BigInt(size), mtimeNs, ctimeNs]
}

function statOf(path: string): Stat | null {
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (stat === undefined) return null
  const type = stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'link' : 'file'
  const { size, blocks, nlink, dev, ino, rdev, mtimeNs, ctimeNs } = stat
  const counts = { size: Number(size), blocks: Number(blocks), nlink: Number(nlink) }
  return {
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    ...counts,
    dev,
    ino,
    rdev,
    mtimeNs,
    ctimeNs,
  }
}

function faultOfSystem(thrown: unknown, target: string): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (code === 'EACCES' || code === 'EPERM') return fault('fs.forbidden', 'forbidden', target)
  return code === '' ? thrown : fault(`fs.${code.toLowerCase()}`, 'conflict', target)
}

function fault(code: string, faultClass: FaultClass, detail: string): Fault {
  return new Fault({ code, class: faultClass, summary: 'This cannot be done.', detail, hint: 'Look at what is there.' })
}
