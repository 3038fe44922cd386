// Owns: the exceptions, each for one file and one rule, with its reason. An entry that is no longer needed is an
// error of its own, so the list only names what is really so.
// Never: holds a pattern that covers files nobody has looked at.

import type { Rule } from './problem.ts'

export interface Allowed {
  readonly path: string
  readonly rule: Rule
  /** Why this file may: read by whoever wants to add the next one. */
  readonly reason: string
}

const front = 'the front is a program of its own, a process like the services behind it; providers reach it over its socket'

export const allowed: readonly Allowed[] = [
  { path: 'providers/src/proxy-route/front/backend.ts', rule: 'provider-effects', reason: `${front}; connects to backends` },
  { path: 'providers/src/proxy-route/front/control.ts', rule: 'provider-effects', reason: `${front}; serves the control socket` },
  { path: 'providers/src/proxy-route/front/forward-request.ts', rule: 'provider-effects', reason: `${front}; passes requests on` },
  { path: 'providers/src/proxy-route/front/forward-upgrade.ts', rule: 'provider-effects', reason: `${front}; passes upgrades on` },
  { path: 'providers/src/proxy-route/front/main.ts', rule: 'provider-effects', reason: `${front}; listens, and owns its socket` },
  { path: 'providers/src/proxy-route/front/routing.ts', rule: 'provider-effects', reason: `${front}; keeps its own state on disk` },
]
