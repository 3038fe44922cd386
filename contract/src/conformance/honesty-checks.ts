// Owns: checks of what a provider claims about itself: the price of a turn, and that it keeps secrets.
// Never: takes its word for it.
import type { Json } from '../json.ts'
import { Fault } from '../fault.ts'
import type { Bench } from './bench.ts'
import type { Check } from './check.ts'
import { claim } from './claim.ts'
import { mortalHands } from './mortal-hands.ts'
import { onBench, openScene, withScene } from './scene.ts'
import type { Case, Scene } from './scene.ts'
import type { SpecSource } from './subject.ts'

export const honestyChecks: readonly Check[] = [
  {
    name: 'a switch is a switch: turning has as many effects for a big thing as for a small one',
    lacks: ({ sizes }) => (sizes === null ? 'sizes' : null),
    async run(subject) {
      if (subject.sizes === null) return
      const small = await effectsOfTurns(subject, subject.sizes.small)
      const large = await effectsOfTurns(subject, subject.sizes.large)
      if (small.reversal !== 'switch' && large.reversal !== 'switch') return
      claim(
        small.reversal === large.reversal && small.forth === large.forth && small.back === large.back,
        `a switch must not depend on size: small ${JSON.stringify(small)}, large ${JSON.stringify(large)}`,
      )
    },
  },
  {
    name: 'L18: a secret shows in no state, memento, part, output, record or fault',
    lacks: ({ secretSpec }) => (secretSpec === null ? 'secretSpec' : null),
    async run(subject) {
      const { secretSpec } = subject
      if (secretSpec === null) return
      const planted: { text: string } = { text: '' }
      const withSecret = async (bench: Bench): Promise<Json> => {
        const { spec, text } = await secretSpec(bench)
        planted.text = text
        return spec
      }
      await onBench(subject, async (bench, watch) => {
        const shown: { where: string; what: unknown }[] = []
        const show = (where: string, what: unknown): void => void shown.push({ where, what })
        const scene = await openScene({ ...subject, specs: { ...subject.specs, a: withSecret } }, bench, watch)
        claim(planted.text.length >= 8, 'the subject is wrong: a planted secret must be long enough to be found')
        await wholeLife(subject, scene, show)
        show('records', bench.records())
        for (const { where, what } of shown)
          for (const form of formsOf(planted.text)) {
            claim(!(JSON.stringify(what) ?? '').includes(form), `the secret shows in ${where}`)
          }
      })
    },
  },
]

type Show = (where: string, what: unknown) => void

/** Created, read, turned both ways, edited by somebody else, forked, closed: everything that says something. */
async function wholeLife(subject: Case, scene: Scene, show: Show): Promise<void> {
  const { provider, specs, at } = scene
  show('spec', specs.a)
  show('part', at.part)
  show('wanted', await provider.want(at, specs.a, scene.look()))
  const create = await scene.prepare('create', await scene.wanted(specs.a))
  show('prepared', create.prepared)
  await scene.turn(create, 'after')
  show('seen', await scene.read())
  show('stand', await scene.lookAt(create, 'full'))
  await scene.turn(create, 'before')
  await scene.turn(create, 'after')
  await scene.release(create)
  const change = await scene.prepare('change', await scene.wanted(specs.b))
  show('prepared change', change.prepared)
  const part = await provider.fork(
    at,
    { world: 'w1', id: at.id, part: null },
    (await scene.read())?.state ?? null,
    specs.a,
    scene.elsewhere('w1', null).hands('w1-thing'),
  )
  show('forked', part)
  await provider.close({ world: 'w1', id: at.id, part: part.part }, scene.elsewhere('w1', part.part).hands('w1-thing'))
  await subject.touch(scene.bench, at)
  show('seen after an edit', await scene.read())
  show('look after an edit', await scene.lookAt(change, 'full'))
  try {
    await scene.turn(change, 'after')
  } catch (thrown) {
    show('fault', thrown instanceof Fault ? thrown.fault : String(thrown))
  }
}

/** As is, in JSON, in a URL, in base64 and in hex. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('hex'),
  ]
}

async function effectsOfTurns(subject: Case, [from, to]: readonly [SpecSource, SpecSource]) {
  return withScene({ ...subject, specs: { a: from, b: to, c: null } }, async (scene) => {
    await scene.commit('made', scene.specs.a)
    const step = await scene.prepare('step', await scene.wanted(scene.specs.b))
    const count = async (side: 'after' | 'before'): Promise<number> => {
      const mortal = mortalHands(scene.hands('step'))
      await scene.turn(step, side, mortal.hands)
      return mortal.writes.length
    }
    return { reversal: step.prepared.reversal, forth: await count('after'), back: await count('before') }
  })
}
