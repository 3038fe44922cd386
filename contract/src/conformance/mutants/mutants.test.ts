import { expect, test } from 'vitest'
import { Fault } from '../../fault.ts'
import { caseOf, checks, reasonAgainst } from '../checks.ts'
import { mutants } from './mutants.ts'
import { provider } from '../note-provider.ts'
import { noteSubject } from '../note-subject.ts'
import type { NoteSubject } from '../note-subject.ts'

for (const { name, make, caughtBy } of mutants) {
  for (const law of caughtBy) {
    test(`a provider that ${name} is caught by "${law}"`, async () => {
      await expect(run(law, noteSubject(make()))).rejects.toThrow(Error)
    })
  }
}

const forbiddenLaw = 'what may not be read faults as forbidden, and is not taken for absent'

test('a provider that takes what is forbidden for absent is caught, one that says so is not', async () => {
  // Root may read everything, so the fault is raised where an effect would raise it.
  let closed = false
  const refuse = (): never => {
    throw new Fault({ code: 'fs.forbidden', class: 'forbidden', summary: 'This may not be read.', detail: '', hint: 'Ask for the right.' })
  }
  const subject = (taken: () => null): NoteSubject => {
    const honest = noteSubject({ ...provider, read: async (...given) => (closed ? taken() : provider.read(...given)) })
    return {
      ...honest,
      flags: {},
      forbid() {
        closed = true
        return () => {
          closed = false
        }
      },
    }
  }
  await run(forbiddenLaw, subject(refuse))
  await expect(
    run(
      forbiddenLaw,
      subject(() => null),
    ),
  ).rejects.toThrow('it succeeded with null')
})

test('every check catches a mutant: none of them is only for show', () => {
  const catching = new Set(mutants.flatMap(({ caughtBy }) => caughtBy).concat(forbiddenLaw))
  expect(checks.map((check) => check.name).filter((name) => !catching.has(name))).toEqual([])
})

test('check names are unique: flags and reports go by them', () => {
  const names = checks.map((check) => check.name)
  expect(new Set(names).size).toBe(names.length)
})

test('a flag that names no check is refused', () => {
  expect(() => caseOf({ ...noteSubject(), flags: { 'no such check': 'why not' } })).toThrow('flags name no check: no such check')
})

test('a check that the subject gives nothing for is left out with a reason', () => {
  const { touchOff: _left, ...rest } = noteSubject()
  const check = checks.find(({ name }) => name.includes('late write'))
  expect(check === undefined ? null : reasonAgainst(check, caseOf(rest))).toBe('the subject gives no `touchOff`')
})

async function run(law: string, subject: NoteSubject): Promise<void> {
  const check = checks.find(({ name }) => name === law)
  if (check === undefined) throw new TypeError(`no check is called ${law}`)
  await check.run(caseOf(subject))
}
