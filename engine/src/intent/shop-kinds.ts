// Owns: four kinds, as the examples of docs/stack-file.md and the tests of this folder use them.
// Never: provides anything: these are shapes only.
import { z } from 'zod'
import type { Json } from '@understudy/contract'
import { jsonOf } from '../model/json-of.ts'
import { kindTable } from './kind-table.ts'
import type { KindShape, KindTable } from './kind-table.ts'

const secret = z.strictObject({ secret: z.string(), mac: z.string().regex(/^h:[0-9a-f]{64}$/) })
const port = z.int().min(1).max(65_535)

const shapes = {
  'files.tree': shape(
    z.strictObject({
      path: z.string().min(1),
      source: z.string().optional(),
      mode: z.string().optional(),
      files: z.record(z.string(), z.string()).optional(),
    }),
    z.object({ path: z.string(), slot: z.string() }),
  ),
  'sqlite.database': shape(
    z.strictObject({ path: z.string(), migrations: z.string() }),
    z.object({ path: z.string(), version: z.number() }),
  ),
  'process.service': shape(
    z.strictObject({
      command: z.array(z.string()).min(1),
      code: z.string().optional(),
      env: z.record(z.string(), z.union([z.string(), z.number(), secret])).optional(),
      dirs: z.record(z.string(), z.string()).optional(),
      port: z.union([z.literal('auto'), port]).optional(),
      health: z.strictObject({ http: z.string().startsWith('/'), startWithinMs: z.int().optional() }).optional(),
      standby: z.enum(['running', 'stopped']).optional(),
    }),
    z.object({ url: z.string(), host: z.string(), port: z.number() }),
  ),
  'proxy.route': shape(
    z.strictObject({ listen: port, to: z.url(), timeoutMs: z.int().optional() }),
    z.object({ url: z.string(), port: z.number() }),
  ),
}

function shape(spec: z.ZodType, out: z.ZodType): KindShape {
  return {
    parseSpec(value: Json) {
      const result = spec.safeParse(value)
      return { ok: result.success, issues: result.success ? [] : result.error.issues }
    },
    describeSpec: () => jsonOf(z.toJSONSchema(spec, { io: 'input' })),
    describeOut: () => jsonOf(z.toJSONSchema(out, { io: 'input' })),
  }
}

export const shopKinds: KindTable = kindTable(new Map(Object.entries(shapes)))
