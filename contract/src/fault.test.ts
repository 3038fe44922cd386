import { expect, test } from 'vitest'
import { Fault, faultOf } from './fault.ts'

const data = { code: 'lab.gone', class: 'conflict', summary: 'Gone.', detail: '', hint: '' } as const

test('a fault of another copy of this package is a fault, and nothing else is', async () => {
  const copied = './fault.ts?copy'
  const copy: { readonly Fault: typeof Fault } = await import(copied)
  expect(copy.Fault).not.toBe(Fault)
  const thrown = new copy.Fault(data)
  expect(thrown instanceof Fault).toBe(true)
  expect(new Fault(data) instanceof copy.Fault).toBe(true)
  expect(faultOf(thrown, { resource: 'web' })).toEqual({ ...data, resource: 'web' })
  for (const other of [new Error('x'), { fault: data }, null, 'Fault', Object.assign(new Error('x'), { name: 'Fault', fault: data })])
    expect(other instanceof Fault).toBe(false)
})
