// Owns: a child of fs-channel.root.test.ts: works on a directory without the rights of root, and says what it got.
// Never: is given root's files as its own; the parent makes the directory.
import { writeSync } from 'node:fs'
import type { DirWrites } from '@understudy/contract'
import { Fault } from '@understudy/contract'
import { fsChannel } from '../fs-channel.ts'
import { createRecorder } from '../recorder.ts'

const NOBODY = 65_534
const base = process.argv[2] ?? ''
const recorder = createRecorder({ now: () => Date.now(), monotonic: () => performance.now() }, new AbortController().signal)
const fx = fsChannel(recorder)
// All code is loaded before root's rights go, so that the sources need not be readable to others.
fx.writes.open(base).mkdir('loaded', 0o700)
process.setgroups?.([])
process.setgid?.(NOBODY)
process.setuid?.(NOBODY)

const dir = fx.writes.open(base)
const answers: Record<string, string> = {}
const tell = (what: string, act: (dir: DirWrites) => unknown): void => {
  try {
    answers[what] = String(act(dir))
  } catch (error) {
    answers[what] = error instanceof Fault ? `${error.fault.class} ${error.fault.code}` : String(error)
  }
}

tell('create in a directory of root', () => dir.create('roots/f', new Uint8Array(), 0o600))
tell('read a file of root', () => dir.read('roots/secret'))
tell('list a closed directory', () => dir.list('closed'))
tell('stat in a closed directory', () => dir.stat('closed/f'))
tell('chown to another', () => dir.chown('mine', 0, 0))
tell('chmod a file of root', () => dir.chmod('roots/secret', 0o666))
tell('remove from a directory of root', () => dir.remove('roots'))
tell('ensure in a directory of root', () => fx.writes.ensure(`${base}/roots/new`, 0o700))
tell('open below a closed directory', () => fx.reads.open(`${base}/closed/in`))
tell('device node', () => dir.mknod('device', 'char', 0o600, 259n))
tell('own work', () => {
  dir.mkdir('mine/a', 0o755)
  dir.create('mine/a/f', Buffer.from('x'), 0o4755)
  dir.copyFrom(dir, 'mine/a/f', 'mine/a/g', 0o640)
  dir.setXattrs('mine/a/f', { 'user.a': Buffer.of(1) }, [])
  dir.setMtime('mine/a/f', 5n)
  dir.mkdir('mine/b', 0o700)
  dir.sync('mine/a')
  dir.syncAll()
  return [dir.exchange('mine/a', dir, 'mine/b'), dir.stat('mine/b/f')?.mode.toString(8), Object.keys(dir.xattrs('mine/b/f'))].join(' ')
})
tell('walk through a directory that cannot be listed', () => {
  dir.chmod('mine/b', 0o311)
  const inside = fx.writes.open(`${base}/mine/b`)
  return Buffer.from(inside.read('g')).toString()
})
tell('remove own directories without rights', () => {
  for (const name of ['mine/x', 'mine/x/y', 'mine/x/y/z']) {
    dir.mkdir(name, 0o700)
    dir.create(`${name}/f`, new Uint8Array(), 0)
  }
  for (const [name, mode] of [
    ['mine/x/y/z', 0o000],
    ['mine/x/y', 0o500],
    ['mine/x', 0o400],
  ] as const)
    dir.chmod(name, mode)
  dir.remove('mine/x')
  return dir.stat('mine/x')
})
writeSync(1, JSON.stringify(answers))
