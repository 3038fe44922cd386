// Owns: `--json`: one event a line on stdout, the first names the version of this format.
// Never: writes anything else to stdout.
import type { Renderer } from './renderer.ts'
import { standardOutput, uiVersion } from './renderer.ts'

export function jsonRenderer(version: string): Renderer {
  const line = (value: object): void => void standardOutput()(`${JSON.stringify(value)}\n`)
  line({ type: 'version', ui: uiVersion, understudy: version })
  return {
    json: true,
    event: line,
    result: (type, data) => line({ type, ...data }),
    fault: (fault) => line({ type: 'error', ...fault }),
    note: () => undefined,
  }
}
