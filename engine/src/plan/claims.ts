// Owns: two resources must not own the same thing, and a spec must not reach around the world it is in.
// Never: touches anything.
import { equal, isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { holeIn } from '../model/holes.ts'
import { planFault } from './desired.ts'

/** Faults when claims of two resources overlap. A claim that ends in `/` covers all that begins with it. */
export function checkClaims(claims: Readonly<Record<string, readonly string[]>>): void {
  const all = Object.entries(claims)
    .flatMap(([resource, list]) => list.map((claim) => ({ resource, claim })))
    .toSorted((a, b) => (a.claim < b.claim ? -1 : 1))
  const open: { resource: string; claim: string }[] = []
  for (const one of all) {
    while (open.length > 0 && !covers(open.at(-1)?.claim ?? '', one.claim)) open.pop()
    const over = open.find(({ resource }) => resource !== one.resource)
    if (over !== undefined) {
      throw planFault(
        'plan.claimed-twice',
        one.resource,
        'Two resources own the same thing.',
        `${over.resource} claims ${over.claim}, ${one.resource} claims ${one.claim}`,
        'Let one of them leave it out, or make them one resource.',
      )
    }
    open.push(one)
  }
}

/** What a resource owns at a place that it leaves in this plan, or goes from. */
export interface Leaving {
  readonly name: string
  readonly kind: string
  readonly part: Json
  readonly claims?: readonly string[]
  /** It is not wanted any more; else it only goes to another place. */
  readonly goes: boolean
}

/** Faults when a new place is one that another resource leaves in the same plan: it would be taken away from under it. */
export function checkLeaving(
  coming: readonly { readonly name: string; readonly kind: string; readonly part: Json; readonly claims: readonly string[] }[],
  leaving: readonly Leaving[],
): void {
  for (const { name, kind, part, claims } of coming) {
    for (const old of leaving) {
      if (old.name === name) continue
      const over = claims.find((claim) => old.claims?.some((other) => covers(other, claim) || covers(claim, other)))
      if (over === undefined) continue
      const same = old.goes && old.kind === kind && equal(old.part, part)
      throw planFault(
        'plan.claimed-by-leaving',
        name,
        'A resource would come to where another one goes from.',
        `${old.name} leaves ${over}, and ${name} claims it`,
        same
          ? `If it is the same thing under another name, write \`movedFrom: ${old.name}\` at ${name}; else take ${old.name} out first, and add ${name} with the next change.`
          : `Make it two changes: first ${old.name} goes from there, then ${name} comes.`,
      )
    }
  }
}

/** Faults when a resource would own the store, a part of it, or a folder with the store in it: a turn would take the journal along. */
export function checkStoreUnclaimed(claims: Readonly<Record<string, readonly string[]>>, dir: string): void {
  const store = `file:${dir}/`
  for (const [resource, list] of Object.entries(claims)) {
    const over = list.find((claim) => covers(store, claim) || covers(claim, store))
    if (over === undefined) continue
    throw planFault(
      'plan.claims-store',
      resource,
      'A resource would own the folder in which Understudy remembers everything.',
      `${resource} claims ${over}, the store is ${dir}`,
      'Give the resource a folder of its own, beside the store.',
    )
  }
}

export interface Claimed {
  /** Who owns it, as people say it: `api of stack shop`. */
  readonly owner: string
  readonly claim: string
}

/** Faults when a resource would own what another stack of the store owns. */
export function checkClaimed(claims: Readonly<Record<string, readonly string[]>>, others: readonly Claimed[]): void {
  for (const [resource, list] of Object.entries(claims)) {
    for (const claim of list) {
      const over = others.find((other) => covers(other.claim, claim) || covers(claim, other.claim))
      if (over === undefined) continue
      throw planFault(
        'plan.claimed-elsewhere',
        resource,
        'Another stack owns the same thing.',
        `${over.owner} claims ${over.claim}, ${resource} claims ${claim}`,
        'Let one of the stacks leave it out: take it out of its file (`onRemove: keep` leaves the thing as it is), or `understudy forget` it.',
      )
    }
  }
}

function covers(claim: string, other: string): boolean {
  return claim === other || (claim.endsWith('/') && other.startsWith(claim))
}

const SHORTEST = 4 // shorter texts and small numbers equal an output by chance

/**
 * A literal that equals an output of another resource's primary would lead out of the shadow to the real thing.
 * Faults with the reference to write instead.
 */
export function checkEscapes(resource: string, spec: Json, outputs: Readonly<Record<string, Json>>): void {
  const walk = (value: Json, path: string): void => {
    if (holeIn(value) !== null) return
    if (Array.isArray(value)) value.forEach((item: Json, index) => walk(item, `${path}/${index}`))
    else if (isObject(value)) for (const [key, member] of Object.entries(value)) walk(member, `${path}/${key}`)
    else if ((typeof value === 'string' && value.length >= SHORTEST) || (typeof value === 'number' && value > 1_023)) {
      for (const [name, out] of Object.entries(outputs)) {
        if (name === resource || !isObject(out)) continue
        const hit = Object.entries(out).find(([, known]) => known === value || leadsInto(value, known))
        if (hit === undefined) continue
        throw planFault(
          'plan.escapes-world',
          resource,
          'A literal leads to the primary, also from a shadow.',
          `${path} of ${resource} is ${JSON.stringify(value)}, which is the ${hit[0]} of ${name}`,
          `Write \${${name}.${hit[0]}} instead; in a shadow it then leads to the shadow's ${name}.`,
        )
      }
    }
  }
  walk(spec, '')
}

function leadsInto(value: Json, known: Json): boolean {
  if (typeof value !== 'string' || typeof known !== 'string' || known.length < SHORTEST) return false
  return /^(\/|https?:)/.test(known) && value.startsWith(known.endsWith('/') ? known : `${known}/`)
}
