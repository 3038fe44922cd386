// Owns: where the contenders work: an ext4 of its own with default options in a file where root allows it, otherwise
// the temporary directory; either way its name goes into the report. A root disk may be ext4 without a journal and
// mounted with discard, and there nothing that is measured means anything.
// Never: leaves a mount or a file behind.
import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outputOf } from '../run-tool.ts'

const IMAGE_BYTES = 24 * 2 ** 30 // sparse; default ext4 gives it 1.5 million inodes, and 100,000 files are there a dozen times

export interface WorkDisk {
  readonly dir: string
  /** For the report, e.g. `ext4 (rw,relatime), loopback with default options`. */
  readonly filesystem: string
  /** Everything written so far is on disk, so that nobody pays for what another wrote. */
  settle(): void
  remove(): void
}

/** @param data an existing directory to work in instead; nothing is mounted then. */
export function openWorkDisk(data: string | null): WorkDisk {
  const outer = mkdtempSync(join(data ?? tmpdir(), 'understudy-bench-'))
  const mounted = data === null && process.getuid?.() === 0 && mountImage(outer)
  const dir = mounted ? join(outer, 'disk/work') : join(outer, 'work')
  mkdirSync(dir, { recursive: true })
  const described = outputOf('findmnt', ['-no', 'FSTYPE,OPTIONS', '--target', dir], '/').trim().replace(/\s+/, ' (')
  let removed = false
  return {
    dir,
    filesystem: `${described})${mounted ? ', loopback with default options' : ''}`,
    settle: () => void execFileSync('sync', ['--file-system', dir]),
    remove() {
      if (removed) return
      removed = true
      if (mounted) execFileSync('umount', ['--lazy', join(outer, 'disk')]) // a failed run may still hold it open
      rmSync(outer, { recursive: true, force: true })
    },
  }
}

function mountImage(outer: string): boolean {
  const [image, disk] = [join(outer, 'image'), join(outer, 'disk')]
  const file = openSync(image, 'wx', 0o600)
  ftruncateSync(file, IMAGE_BYTES)
  closeSync(file)
  mkdirSync(disk)
  try {
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe' })
    execFileSync('mount', ['-o', 'loop', image, disk], { stdio: 'pipe' })
    return true
  } catch {
    // Containers often may not mount; the report names the file system that it was then.
    rmSync(image, { force: true })
    return false
  }
}
