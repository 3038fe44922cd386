import { expect, test } from 'vitest'
import { secretPieces } from './secret-pieces.ts'

test.each([
  ['token', 'hunter22', ['hunter22']],
  ['${secret.token}', 'hunter22', ['hunter22']],
  ['key = ${secret.token}\n', 'key = hunter22\n', ['key = hunter22\n', 'hunter22']],
  ['${var.user}:${secret.token}@db', 'shop:hunter22@db', ['shop:hunter22@db', 'hunter22']],
  ['a ${var.token} b', 'a hunter22 b', ['a hunter22 b', 'hunter22']],
  ['${secret.a}${secret.b}.', 'onetwo.', ['onetwo.', 'onetwo']],
  ['$${x} (${secret.a})*', '${x} (a.b)*', ['${x} (a.b)*', 'a.b']],
  ['${secret.a} and ${secret.b}', 'one and two', ['one and two', 'one', 'two']],
])('%s', (secret, text, pieces) => {
  expect(secretPieces({ secret }, text)).toEqual(pieces)
})
