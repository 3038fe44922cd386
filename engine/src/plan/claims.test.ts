import { describe, expect, test } from 'vitest'
import { checkClaims, checkEscapes } from './claims.ts'

describe('claims', () => {
  test('what one resource claims twice, or side by side with another, is fine', () => {
    checkClaims({ a: ['file:/srv/a/', 'file:/srv/a/x'], b: ['file:/srv/ab'], c: ['tcp:127.0.0.1:80'] })
  })
  test.each([
    [{ a: ['file:/srv/'], b: ['file:/srv/b.conf'] }],
    [{ a: ['tcp:127.0.0.1:80'], b: ['tcp:127.0.0.1:80'] }],
    [{ a: ['file:/srv/b/c'], b: ['file:/srv/b/'] }],
    [{ a: ['file:/a/'], b: ['file:/a/b/'], c: ['file:/a/c'] }],
  ])('overlapping claims are refused by name: %j', (claims) => {
    expect(() => checkClaims(claims)).toThrow(/plan\.claimed-twice.*claims/)
  })
})

describe('escapes', () => {
  const outputs = { db: { path: '/srv/live/shop.db' }, api: { url: 'http://127.0.0.1:4711', port: 4711 } }
  test.each([
    ['a path', { env: { DATABASE: '/srv/live/shop.db' } }, '${db.path}'],
    ['a port', { upstream: { port: 4711 } }, '${api.port}'],
    ['below a URL', { check: 'http://127.0.0.1:4711/health' }, '${api.url}'],
  ])('%s of the primary as a literal is refused with the reference to write', (_what, spec, hint) => {
    let fault = ''
    try {
      checkEscapes('web', spec, outputs)
    } catch (error) {
      fault = JSON.stringify((error as { fault: unknown }).fault)
    }
    expect(fault).toContain('plan.escapes-world')
    expect(fault).toContain(hint)
  })
  test('a reference, its own output and a chance likeness are not', () => {
    checkEscapes('web', { to: { $ref: 'api', output: 'url' }, n: 80, text: '/srv/live/shop.dbx' }, outputs)
    checkEscapes('db', { path: '/srv/live/shop.db' }, outputs)
  })
})
