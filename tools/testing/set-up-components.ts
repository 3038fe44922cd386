// Owns: which components are missing, and installing them with apt-get where root can be had.
// Never: installs anything when the caller asked for the part that needs no root.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Component } from '../components.ts'
import { toolEnvironment } from './tool-environment.ts'

/** How root is reached: by being root, by `sudo` without a password, or not at all. */
export type RootAccess = 'root' | 'sudo' | 'none'

export function rootAccess(): RootAccess {
  if (process.getuid?.() === 0) return 'root'
  return spawnSync('sudo', ['-n', 'true'], { env: toolEnvironment, stdio: 'ignore' }).status === 0 ? 'sudo' : 'none'
}

/** The command as root runs it. */
export function asRoot(access: RootAccess, command: readonly string[]): readonly string[] {
  return access === 'sudo' ? ['sudo', '-n', '--preserve-env', 'env', `PATH=${toolEnvironment['PATH']}`, ...command] : command
}

export function missingOf(components: readonly Component[]): Component[] {
  return components.filter(({ probe: [command, ...args] }) => {
    return spawnSync(command, args, { env: toolEnvironment, stdio: 'ignore' }).status !== 0
  })
}

/** Installs the packages; what could not be installed shows when the components are probed again. */
export function install(packages: readonly string[], access: RootAccess): void {
  if (packages.length === 0 || access === 'none' || !existsSync('/etc/debian_version')) return
  // Not interactive, and nothing that is installed is started (runlevel 1).
  const settings = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1']
  const apt = (...args: string[]): boolean => {
    const [command = 'env', ...rest] = asRoot(access, [...settings, 'apt-get', '-y', ...args])
    return spawnSync(command, rest, { env: toolEnvironment, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  }
  console.log(`installing ${packages.join(', ')}`)
  const wanted = ['install', '--no-install-recommends', ...packages]
  if (!apt(...wanted) && apt('update')) apt(...wanted)
}
