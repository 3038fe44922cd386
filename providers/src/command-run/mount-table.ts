// Owns: which file systems are mounted where, as this process sees it.
// Never: mounts.
import type { Look } from '@understudy/contract'

export interface Mount {
  readonly point: string
  /** Flags that may not be dropped when it is mounted again in a user namespace, e.g. `,nosuid,nodev`. */
  readonly flags: string
}

const kept = new Set(['nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'relatime', 'strictatime', 'nosymfollow'])

/** Mounts that can be reached: what another mount lies over is left out. */
export function mountTable(call: Look): readonly Mount[] {
  const proc = call.fx.fs.open('/proc/self')
  try {
    return visibleMounts(Buffer.from(proc.read('mountinfo')).toString('utf8'))
  } finally {
    proc.close()
  }
}

interface Row extends Mount {
  readonly id: string
  readonly parent: string
}

/** Text as in proc_pid_mountinfo(5). */
export function visibleMounts(mountinfo: string): readonly Mount[] {
  const rows = mountinfo.split('\n').flatMap((line): Row[] => {
    const [id, parent, , , point, options] = line.split(' ')
    if (id === undefined || parent === undefined || point === undefined || options === undefined) return []
    const flags = options
      .split(',')
      .filter((option) => kept.has(option))
      .map((option) => `,${option}`)
    return [{ id, parent, point: unescaped(point), flags: flags.join('') }]
  })
  const byId = new Map(rows.map((row) => [row.id, row]))
  const liesOn = (row: Row, below: Row): boolean => {
    for (let at: Row | undefined = row, steps = 0; at !== undefined && steps < rows.length; at = byId.get(at.parent), steps += 1) {
      if (at.id === below.id) return true
      if (at.parent === at.id) return false
    }
    return false
  }
  return rows.filter((row, index) => !rows.slice(index + 1).some((over) => isWithin(row.point, over.point) && !liesOn(row, over)))
}

/** True when a path is another or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`)
}

function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
