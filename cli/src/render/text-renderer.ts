// Owns: output for people: progress on stderr as it happens, the outcome on stdout.
// Never: colours or moves the cursor where nobody looks (not a TTY, NO_COLOR).
import { styleText } from 'node:util'
import { isObject } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import type { EngineEvent } from '@understudy/engine'
import { printable, standardOutput } from './renderer.ts'
import type { Renderer } from './renderer.ts'
import { sayEvent } from './say-event.ts'

export function textRenderer(verbose: boolean): Renderer {
  const tty = process.stderr.isTTY
  let pending = false
  const clear = (): void => {
    if (pending) process.stderr.write('\r\u001b[K')
    pending = false
  }
  const say = (text: string): void => {
    clear()
    process.stderr.write(`${text}\n`)
  }
  return {
    json: false,
    event(event: EngineEvent) {
      const said = sayEvent(event)
      if (said === null) return
      const text = printable(said.text)
      if (said.level === 'passing' && !verbose) {
        // Passing news overwrite each other; without a terminal they are left out.
        if (!tty) return
        clear()
        process.stderr.write(styleText('dim', text.slice(0, (process.stderr.columns ?? 80) - 1), { stream: process.stderr }))
        pending = true
        return
      }
      say(said.level === 'bad' ? styleText('red', text, { stream: process.stderr }) : text)
    },
    result(_type, _data, text) {
      clear()
      const said = text()
      if (said !== '') standardOutput()(said.endsWith('\n') ? said : `${said}\n`)
    },
    fault: (fault) => say(faultText(fault)),
    note: say,
  }
}

/** Code, what, where (snippet with a caret), why, the next command. */
export function faultText(fault: FaultData): string {
  const red = (text: string): string => styleText('red', text, { stream: process.stderr })
  const lines = [`${red('error')} ${fault.code}: ${fault.summary}`]
  const snippet = isObject(fault.data) && typeof fault.data['snippet'] === 'string' ? fault.data['snippet'] : null
  const { resource, stage } = fault
  if (resource !== undefined) lines.push(`  resource ${resource}${stage === undefined ? '' : `, ${stage}`}`)
  if (fault.detail !== '') lines.push(...fault.detail.split('\n').map((line) => `  ${line}`))
  if (snippet !== null) lines.push(...snippet.split('\n').map((line) => `  ${line}`))
  for (let cause = fault.cause; cause !== undefined; cause = cause.cause)
    lines.push(`  because ${cause.code}: ${cause.summary} ${cause.detail}`)
  if (fault.hint !== '') lines.push(`  ${styleText('bold', 'hint', { stream: process.stderr })}: ${fault.hint}`)
  return lines.map((line) => styledLine(line)).join('\n')
}

const colour = new RegExp(`(${String.fromCharCode(27)}\\[\\d+m)`)

/** Everything but our own colours is made printable. */
function styledLine(line: string): string {
  return line
    .split(colour)
    .map((part) => (part.startsWith('\u001b[') ? part : printable(part)))
    .join('')
}
