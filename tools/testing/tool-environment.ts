// Owns: the environment that suites run in: the checkout's tools and Node 24 first, system tools of root last.
// Never: hides anything of the caller's environment.

import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

const caller = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'

/** `ip`, `sysctl` and what dpkg calls live in sbin, which is not in everybody's PATH. */
export const toolEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [join(root, 'node_modules/.bin'), caller, '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':'),
}
