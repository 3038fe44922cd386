// Owns: hands whose process dies at a chosen effect: from then on nothing it does has any effect, as after SIGKILL.
// Never: lets code that runs after the death (finally, catch) touch anything; it may only let go of what is open.
import type { DirReads, DirWrites, Effects, SqlReads, SqlWrites } from '../effects.ts'
import { Fault } from '../fault.ts'
import type { Hands } from '../provider.ts'

/** What every effect throws once the process is dead. Not a Fault: nobody is there any more to handle it. */
export class Killed extends Error {
  override readonly name = 'Killed'
}

/** Where a process dies: before its write number `at` (from 0), or half-way through it. Infinity: never. */
export interface Death {
  readonly at: number
  readonly torn: boolean
  /** It does not die: that one effect faults as on a full disk, and those after it work again. */
  readonly survives?: boolean
}

export interface Mortal {
  readonly hands: Hands
  /** Writes so far, as `verb target`, and whether a death can tear them. Keeping content in the store counts. */
  readonly writes: readonly { readonly what: string; readonly tearable: boolean }[]
  readonly dead: () => boolean
  /** From now on it is dead. */
  readonly die: () => void
}

interface Gate {
  read<T>(run: () => T): T
  write<T>(what: string, run: () => T, torn?: () => void): T
}

export const immortal: Death = { at: Number.POSITIVE_INFINITY, torn: false }

export function mortalHands(hands: Hands, death: Death = immortal): Mortal {
  const writes: { what: string; tearable: boolean }[] = []
  let dead = false
  const fall = (): never => {
    dead = true
    throw new Killed('the process was killed here')
  }
  const gate: Gate = {
    read: (run) => (dead ? fall() : run()),
    write(what, run, torn) {
      if (dead) fall()
      const due = writes.length === death.at
      writes.push({ what, tearable: torn !== undefined })
      if (due && death.survives === true) throw full(what)
      if (due && death.torn) torn?.()
      return due ? fall() : run()
    },
  }
  const mortal: Hands = {
    ...hands,
    fx: gateEffects(hands.fx, gate),
    get: async (digest) => gate.read(() => hands.get(digest)),
    put: async (bytes) => gate.write('store put', () => hands.put(bytes)),
    reveal: async (secret) => gate.read(() => hands.reveal(secret)),
    progress: () => undefined,
  }
  return {
    hands: mortal,
    writes,
    dead: () => dead,
    die: () => {
      dead = true
    },
  }
}

function full(what: string): Fault {
  return new Fault({
    code: 'fs.no-space',
    class: 'transient',
    summary: 'There is no space left.',
    detail: what,
    hint: 'Make room, then try again.',
  })
}

function gateEffects(fx: Effects, gate: Gate): Effects {
  const inner = new WeakMap<DirReads, DirWrites>()
  const open = (dir: string): DirWrites => {
    const real = gate.read(() => fx.fs.open(dir))
    const gated = gateDir(real, gate, inner)
    inner.set(gated, real)
    return gated
  }
  return {
    fs: {
      open,
      space: (path) => gate.read(() => fx.fs.space(path)),
      ensure: (dir, mode) => gate.write(`ensure ${dir}`, () => fx.fs.ensure(dir, mode)),
    },
    process: {
      alive: (id) => gate.read(() => fx.process.alive(id)),
      memory: (id) => gate.read(() => fx.process.memory(id)),
      find: (name, value) => gate.read(() => fx.process.find(name, value)),
      bootId: fx.process.bootId,
      run: async (argv, options) => gate.write(`run ${argv.join(' ')}`, () => fx.process.run(argv, options)),
      spawn: async (argv, options) => gate.write(`spawn ${argv.join(' ')}`, () => fx.process.spawn(argv, options)),
      signal: (id, signal) => gate.write(`signal ${signal}`, () => fx.process.signal(id, signal)),
    },
    net: {
      accepts: async (host, port, timeoutMs) => gate.read(() => fx.net.accepts(host, port, timeoutMs)),
      freePort: async (host) => gate.read(() => fx.net.freePort(host)),
    },
    http: {
      get: async (request) => gate.read(() => fx.http.get(request)),
      send: async (request) => gate.write(`${request.method} ${request.url}`, () => fx.http.send(request)),
    },
    sql: {
      open: (file) =>
        gateSql(
          gate.write(`sql open ${file}`, () => fx.sql.open(file)),
          gate,
        ),
      // In memory: it dies with the process, so nothing done in it counts.
      scratch: () => gate.read(() => fx.sql.scratch()),
      copy: async (from, to) => gate.write(`sql copy ${to}`, () => fx.sql.copy(from, to)),
    },
    time: {
      now: () => gate.read(() => fx.time.now()),
      monotonic: () => gate.read(() => fx.time.monotonic()),
      wait: async (ms) => gate.read(() => fx.time.wait(ms)),
    },
    pause: async () => gate.read(() => fx.pause()),
  }
}

function gateDir(dir: DirWrites, gate: Gate, inner: WeakMap<DirReads, DirWrites>): DirWrites {
  const realOf = (other: DirWrites): DirWrites => inner.get(other) ?? other
  const write = <T>(verb: string, name: string, run: () => T, torn?: () => void): T => gate.write(`${verb} ${dir.path}/${name}`, run, torn)
  const half = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, Math.floor(bytes.length / 2))
  return {
    path: dir.path,
    stat: (name) => gate.read(() => dir.stat(name)),
    list: (name) => gate.read(() => dir.list(name)),
    read: (name) => gate.read(() => dir.read(name)),
    readlink: (name) => gate.read(() => dir.readlink(name)),
    xattrs: (name) => gate.read(() => dir.xattrs(name)),
    close: () => dir.close(), // a dying process lets go of what it holds open, too
    create: (name, bytes, mode) =>
      write('create', name, () => dir.create(name, bytes, mode), bytes.length > 1 ? () => dir.create(name, half(bytes), mode) : undefined),
    mkdir: (name, mode) => write('mkdir', name, () => dir.mkdir(name, mode)),
    symlink: (name, target) => write('symlink', name, () => dir.symlink(name, target)),
    hardlink: (name, existing) => write('hardlink', name, () => dir.hardlink(name, existing)),
    mknod: (name, type, mode, rdev) => write('mknod', name, () => dir.mknod(name, type, mode, rdev)),
    chmod: (name, mode) => write('chmod', name, () => dir.chmod(name, mode)),
    chown: (name, uid, gid) => write('chown', name, () => dir.chown(name, uid, gid)),
    setMtime: (name, mtimeNs) => write('setMtime', name, () => dir.setMtime(name, mtimeNs)),
    setXattrs: (name, set, drop) => write('setXattrs', name, () => dir.setXattrs(name, set, drop)),
    copyFrom(from, fromName, name, mode) {
      const source = inner.get(from) ?? from
      write(
        'copy',
        name,
        () => dir.copyFrom(source, fromName, name, mode),
        () => dir.create(name, half(source.read(fromName)), mode),
      )
    },
    remove(name) {
      const isDir = gate.read(() => dir.stat(name))?.type === 'dir'
      const halfOf = (): void => {
        const names = dir.list(name)
        for (const below of names.slice(0, Math.ceil(names.length / 2))) dir.remove(`${name}/${below.name}`)
      }
      write('remove', name, () => dir.remove(name), isDir && name !== '' ? halfOf : undefined)
    },
    rename: (name, to, toName, how) => write('rename', name, () => dir.rename(name, realOf(to), toName, how)),
    exchange: (name, other, otherName) => write('exchange', name, () => dir.exchange(name, realOf(other), otherName)),
    sync: (name) => write('sync', name, () => dir.sync(name)),
    syncAll: () => write('sync', '', () => dir.syncAll()),
  }
}

function gateSql(db: SqlWrites & SqlReads, gate: Gate): SqlWrites {
  return {
    all: (sql, ...params) => gate.read(() => db.all(sql, ...params)),
    *each(sql, ...params) {
      for (const row of gate.read(() => db.each(sql, ...params))) yield gate.read(() => row)
    },
    run: (sql, ...params) => gate.write(`sql ${sql}`, () => db.run(sql, ...params)),
    script: (sql) => gate.write(`sql ${sql}`, () => db.script(sql)),
    close: () => db.close(), // an open transaction is rolled back by this, as by a death
  }
}
