// Owns: which headers go on to the other side of the front.
// Never: changes one that is meant for the end.

/** RFC 9110 section 7.6.1: they belong to one connection. */
const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
])

/** `raw` as Node gives it (name, value, name, …), so that repeated ones and their case survive. */
export function endToEnd(raw: readonly string[]): string[] {
  const named = new Set(HOP)
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() !== 'connection') continue
    for (const name of raw[at + 1]?.split(',') ?? []) named.add(name.trim().toLowerCase())
  }
  const kept: string[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]]
    if (!named.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

/** Adds who asked, and how. An `x-forwarded-for` that is there already is continued. */
export function withOrigin(headers: readonly string[], client: string | undefined, host: string | undefined): string[] {
  const kept: string[] = []
  let before = ''
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]]
    if (name.toLowerCase() === 'x-forwarded-for') before = before === '' ? value : `${before}, ${value}`
    else if (!/^x-forwarded-(proto|host)$/i.test(name)) kept.push(name, value)
  }
  const chain = [before, client ?? 'unknown'].filter((part) => part !== '').join(', ')
  kept.push('x-forwarded-for', chain, 'x-forwarded-proto', 'http')
  if (host !== undefined) kept.push('x-forwarded-host', host)
  return kept
}
