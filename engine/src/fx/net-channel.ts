// Owns: the net channel of `call.fx`: does somebody listen, and which port is free.
// Never: sends a byte.
import { connect, createServer } from 'node:net'
import { Fault } from '@understudy/contract'
import type { Reads } from '@understudy/contract'
import { codeOf } from './system-error.ts'
import type { Recorder } from './recorder.ts'

export function netChannel(recorder: Recorder): Reads['net'] {
  return {
    accepts: (host, port, timeoutMs) => accepts(recorder.signal, host, port, timeoutMs),
    freePort,
  }
}

function accepts(signal: AbortSignal, host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelled(`${host}:${port}`))
      return
    }
    const socket = connect({ host, port })
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      socket.destroy()
      act()
    }
    const timer = setTimeout(() => settle(() => resolve(false)), timeoutMs)
    const cancel = (): void => settle(() => reject(cancelled(`${host}:${port}`)))
    signal.addEventListener('abort', cancel, { once: true })
    socket.once('connect', () => settle(() => resolve(true)))
    socket.on('error', () => settle(() => resolve(false)))
  })
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) =>
      reject(
        new Fault({
          code: 'net.no-port',
          class: 'invalid',
          summary: 'No port can be had on this address.',
          detail: `${host}: ${codeOf(error)}.`,
          hint: 'The address must be one of this machine, and ports must be left.',
        }),
      ),
    )
    server.listen({ host, port: 0 }, () => {
      const address = server.address()
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port)
      })
    })
  })
}

function cancelled(detail: string): Fault {
  return new Fault({ code: 'net.cancelled', class: 'transient', summary: 'The step was cancelled.', detail, hint: 'Nothing was changed.' })
}
