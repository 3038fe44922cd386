export { canonical, equal, isDigest, isObject } from './json.ts'
export type { Digest, Json, JsonObject } from './json.ts'
export { Fault, faultOf } from './fault.ts'
export type { FaultClass, FaultData } from './fault.ts'
export type { DescribedSchema, Issue, Schema } from './schema.ts'
export type {
  CommandOptions,
  CommandResult,
  DirReads,
  DirWrites,
  EffectRecord,
  Effects,
  FoundProcess,
  HttpRequest,
  HttpResponse,
  Path,
  ProcessId,
  Reads,
  SpawnOptions,
  SqlReads,
  SqlValue,
  SqlWrites,
  Stat,
  Writes,
} from './effects.ts'
export type {
  At,
  Components,
  Fidelity,
  Forked,
  Hands,
  Look,
  Merging,
  Mortal,
  NamedFile,
  Prepared,
  Probing,
  Provider,
  Reversal,
  Secret,
  Seen,
  Side,
  Sourcing,
  Stand,
  TurningParts,
  Wanted,
} from './provider.ts'
export { PRINT_NUMBERS } from './provider.ts'
