// Owns: `doctor`: what this machine and this store can do, with a fix for each finding.
// Never: changes anything.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { askKeeper, loadStack } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { stackFile, storedStacks, storeFolder } from '../session.ts'
import { faultFinding, showFindings, storeFindings } from '../store-findings.ts'
import type { Finding } from '../store-findings.ts'

export async function doctorVerb(context: Context): Promise<Exit> {
  const dir = join(stackFile(context.options.file), '..', storeFolder)
  const findings = [
    node(),
    kernel(),
    namespaces(),
    ...(existsSync(dir) ? await store(context, dir) : [{ what: 'store', good: true, detail: 'none yet', fix: '' }]),
  ]
  return showFindings(context, 'doctor', findings)
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return { what: 'node', good: major > 24 || (major === 24 && minor >= 15), detail: process.version, fix: 'install Node.js 24.15 or newer' }
}

function kernel(): Finding {
  const release = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  const good = major > 5 || (major === 5 && minor >= 11)
  return {
    what: 'kernel',
    good,
    detail: `${release}${good ? '' : ': command.run has no overlay for users before 5.11'}`,
    fix: 'use a kernel of 5.11 or newer, or run command.run as root',
  }
}

function namespaces(): Finding {
  const file = '/proc/sys/kernel/unprivileged_userns_clone'
  const off = process.getuid?.() !== 0 && existsSync(file) && readFileSync(file, 'utf8').trim() === '0'
  return {
    what: 'user namespaces',
    good: !off,
    detail: off ? 'switched off: command.run cannot be confined' : 'usable',
    fix: 'sysctl -w kernel.unprivileged_userns_clone=1',
  }
}

async function store(context: Context, dir: string): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const mode = statSync(dir).mode & 0o077
  findings.push({
    what: 'store rights',
    good: mode === 0,
    detail: mode === 0 ? 'only its owner may read it' : 'others may read it',
    fix: `chmod 700 ${dir}`,
  })
  try {
    await context.withStacks(async (session) => {
      const { findings: found, damaged } = await storeFindings(session)
      findings.push(...found)
      let watched = false
      for (const stack of (await storedStacks(session)).filter((name) => !damaged.has(name))) {
        const ports = session.ports(stack)
        const state = await loadStack(ports.store, stack)
        const open = Object.values(state.changes).filter(({ phase }) => phase === 'applying' || phase === 'undoing' || phase === 'held')
        const lease = await ports.store.leaseOf(stack)
        const busy = lease !== null && !ports.gone(lease.holder)
        findings.push({
          what: 'changes',
          good: open.length === 0 || busy,
          detail: open.length === 0 ? 'none unfinished' : open.map(({ change, phase }) => `${change} of ${stack} is ${phase}`).join(', '),
          fix: `understudy --stack ${stack} recover`,
        })
        watched ||= Object.values(state.changes).some(
          ({ watch, confirmBy, phase }) => phase === 'committed' && ((watch !== null && watch.until > Date.now()) || confirmBy !== null),
        )
      }
      const keeper = await askKeeper(session.dir, '/')
      findings.push({
        what: 'keeper',
        good: keeper !== null || !watched,
        detail: keeper === null ? 'does not run' : 'runs',
        fix: 'understudy keeper start',
      })
      return 'ok'
    })
  } catch (thrown) {
    findings.push(faultFinding(thrown))
  }
  return findings
}
