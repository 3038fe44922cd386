// Owns: what can be wrong with a command before it runs, checked and named; and how a command is shown.
// Never: starts anything.
import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { codeOf } from './system-error.ts'

/** The command as one could type it, arguments quoted where they need it. */
export function shown(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}

/** Faults unless cwd is a directory and argv[0] a program: exec says ENOENT for both, which helps nobody at night. */
export function checkCommand(argv: readonly string[], cwd: string, env: Readonly<Record<string, string>>): void {
  const command = argv[0]
  if (command === undefined || command === '' || argv.some((word) => word.includes('\0'))) {
    throw fault(
      'process.bad-command',
      'invalid',
      'The command is empty or holds a zero byte.',
      JSON.stringify(argv),
      'Write it as a list of words.',
    )
  }
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || name.includes('=') || name.includes('\0') || value.includes('\0')) {
      const detail = `Variable ${JSON.stringify(name)}.`
      throw fault(
        'process.bad-env',
        'invalid',
        'The environment holds a name or value that no process can get.',
        detail,
        'Names hold no "=", and neither holds a zero byte.',
      )
    }
  }
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw fault('process.no-cwd', 'invalid', 'The working directory is not there.', cwd, 'Create it, or name another one.')
  }
  // As execvp(3) looks: with a slash it is a path, else PATH of the new environment, or its default.
  const folders = command.includes('/') ? [''] : (env['PATH'] ?? '/bin:/usr/bin').split(':')
  const found = folders.map((folder) => runnable(resolve(cwd, folder, command)))
  if (found.includes('yes')) return
  if (found.includes('no')) {
    throw fault(
      'process.not-executable',
      'forbidden',
      'The command is not executable.',
      command,
      'Give it the right to be executed (chmod +x), or name another one.',
    )
  }
  const where = command.includes('/') ? `no file ${resolve(cwd, command)}` : `not in PATH ${folders.join(':')}`
  throw fault(
    'process.command-not-found',
    'invalid',
    'The command was not found.',
    `${command}: ${where}.`,
    'Install it, or write its whole path.',
  )
}

/** The fault for an error that starting gave. */
export function startFault(argv: readonly string[], error: unknown): Fault {
  const code = codeOf(error)
  const detail = `${shown(argv)}: ${code}.`
  if (code === 'ENOENT')
    return fault(
      'process.command-not-found',
      'invalid',
      'The command was not found.',
      detail,
      'Its file or the interpreter named in its first line is missing.',
    )
  if (code === 'EACCES' || code === 'EPERM')
    return fault(
      'process.not-allowed',
      'forbidden',
      'The command may not be started.',
      detail,
      'Check the rights of its file, and that the user asked for may be taken on.',
    )
  if (code === 'E2BIG' || code === 'ENOEXEC')
    return fault(
      'process.bad-command',
      'invalid',
      'The kernel refuses the command.',
      detail,
      'E2BIG: too much text in arguments and environment. ENOEXEC: not a program, or no "#!" line.',
    )
  return fault(
    'process.not-started',
    'transient',
    'The command could not be started now.',
    detail,
    'Processes, memory or open files may have run out.',
  )
}

function runnable(path: string): 'yes' | 'no' | 'absent' {
  try {
    if (!statSync(path).isFile()) return 'absent'
  } catch {
    return 'absent'
  }
  try {
    accessSync(path, constants.X_OK)
    return 'yes'
  } catch {
    return 'no'
  }
}

function fault(code: string, kind: FaultData['class'], summary: string, detail: string, hint: string): Fault {
  return new Fault({ code, class: kind, summary, detail, hint })
}
