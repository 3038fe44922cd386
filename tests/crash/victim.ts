// Owns: a program that applies or rolls back a stack and is killed by itself at the n-th boundary: before or after an append,
// before or after an effect on the machine. Prints `END n` with the number of boundaries when it gets through.
// Never: cleans up; SIGKILL leaves it no chance.
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import { crashStack } from './stack.ts'

const [dir = '', what = 'apply', release = 'v2', killAt = '0'] = process.argv.slice(2)
let boundary = 0

function pass(): void {
  boundary += 1
  if (boundary === Number(killAt)) process.kill(process.pid, 'SIGKILL')
}

const stack = await openTestStack({ dir })
const append = stack.store.append.bind(stack.store)
const openEffects: typeof stack.ports.openEffects = (recorder, lock) => stack.ports.openEffects(recorder, lock)
const mortal = {
  ...stack.ports,
  store: Object.assign(Object.create(stack.store), {
    append: async (...given: Parameters<typeof append>) => {
      pass()
      const entries = await append(...given)
      pass()
      return entries
    },
  }),
  openEffects: (...given: Parameters<typeof openEffects>) => {
    const { reads, effects } = openEffects(...given)
    return { reads, effects: mortalObject(effects) }
  },
}

/** Every call that may write passes a boundary before and after; what it gives back is mortal too. */
function mortalObject<T extends object>(target: T): T {
  return new Proxy(target, {
    get(of, key) {
      const value: unknown = Reflect.get(of, key)
      if (typeof value === 'function') {
        return (...given: unknown[]) => {
          const reads = [
            'stat',
            'list',
            'read',
            'readlink',
            'xattrs',
            'close',
            'now',
            'monotonic',
            'pause',
            'alive',
            'find',
            'space',
            'wait',
          ].includes(String(key))
          if (!reads) pass()
          const result: unknown = Reflect.apply(value, of, given)
          if (!reads) pass()
          return key === 'open' && typeof result === 'object' && result !== null ? mortalObject(result) : result
        }
      }
      return typeof value === 'object' && value !== null ? mortalObject(value) : value
    },
  })
}

const victim = { ...stack, ports: mortal }
const only = what === 'one-file' ? [{ resource: 'config', pointer: '/files/changed.txt' }] : []
const outcome = what === 'apply' ? await applyTo(victim, crashStack(release)) : await rollBackOn(victim, { only })
process.stdout.write(`END ${boundary} ${outcome.outcome}\n`)
await stack.store.close()
