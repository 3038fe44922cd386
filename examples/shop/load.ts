// Owns: the load of the demo: clients that read and write through the front all the time, and remember every answer.
// Never: repeats a request by itself: what a client saw as an error counts as one.
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Counts {
  /** Requests that were answered with success. */
  readonly answered: number
  /** Errors that a client saw: no answer, or a status of 500 and more. */
  readonly failed: number
  /** Writes that were acknowledged and are not there. */
  readonly lost: number
}

export interface Load {
  /** Until now; every acknowledged write is asked for through the front. */
  counts(): Promise<Counts>
  /** Until now; `stored` reads what is there, by id. */
  countsNow(stored: () => ReadonlyMap<string, number>): Counts
  stop(): Promise<void>
  readonly errors: readonly string[]
}

const PAUSE_MS = 2 // between two requests of a client: some hundred a second in all, so that two cores have air left

export function startLoad(port: number, readers: number, writers: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: readers + writers })
  const acknowledged = new Map<string, number>()
  const errors: string[] = []
  let answered = 0
  let failed = 0
  let running = true
  let sequence = 0

  const attempt = async (method: 'GET' | 'PUT', path: string, body?: object): Promise<boolean> => {
    const outcome = await send(agent, port, method, path, body)
    if (outcome.status !== null && outcome.status < 500) answered += 1
    else {
      failed += 1
      errors.push(`${method} ${path}: ${outcome.status ?? outcome.error}`)
    }
    return outcome.status === 200
  }
  const reader = async (n: number): Promise<void> => {
    const paths = ['/items', '/items/apple', '/', '/items/bread']
    for (let turn = n; running; turn += 1) {
      await attempt('GET', paths[turn % paths.length] ?? '/')
      await sleep(PAUSE_MS)
    }
  }
  const writer = async (n: number): Promise<void> => {
    while (running) {
      sequence += 1
      const value = sequence
      const id = `w${n}-${value}`
      if (await attempt('PUT', `/items/${id}`, { name: `Item ${value}`, price_cents: value })) acknowledged.set(id, value)
      await sleep(PAUSE_MS)
    }
  }
  const clients = [...Array.from({ length: readers }, (_, n) => reader(n)), ...Array.from({ length: writers }, (_, n) => writer(n))]
  return {
    errors,
    async counts() {
      let lost = 0
      for (const [id, value] of acknowledged) {
        const { status, text } = await send(agent, port, 'GET', `/items/${id}`)
        const item: { price_cents?: number } = status === 200 ? JSON.parse(text) : {}
        if (item.price_cents !== value) lost += 1
      }
      return { answered, failed, lost }
    },
    countsNow(stored) {
      const promised = [...acknowledged] // before the reading: what is acknowledged is there
      const there = stored()
      return { answered, failed, lost: promised.filter(([id, value]) => there.get(id) !== value).length }
    },
    async stop() {
      running = false
      await Promise.all(clients)
      agent.destroy()
    },
  }
}

interface Answer {
  readonly status: number | null
  readonly text: string
  readonly error: string
}

export function send(agent: Agent, port: number, method: string, path: string, body?: object): Promise<Answer> {
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, method, path, agent, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? null, text: Buffer.concat(chunks).toString('utf8'), error: '' }))
      response.on('error', (error) => resolve({ status: null, text: '', error: error.message }))
    })
    call.on('timeout', () => call.destroy(new Error('no answer within 10 s')))
    call.on('error', (error) => resolve({ status: null, text: '', error: error.message }))
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
