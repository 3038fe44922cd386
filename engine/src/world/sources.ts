// Owns: the port through which the intent reads files, modules, environment and seals secrets.
// Never: touches anything itself.
import type { Digest } from '@understudy/contract'

/** Of a stack file. 100,000 resources fit; what is bigger is data, which belongs into files that the stack refers to. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024

export interface Sources {
  /** The bytes of a file, all of them up to `FILE_BYTES_MAX` and at least one more; null when it is not there. Faults when it cannot be read. */
  read(path: string): Promise<Uint8Array | null>
  /** A path as seen from a folder. */
  resolve(base: string, path: string): string
  /** All exports of a TypeScript or JavaScript module, evaluated anew when the file has changed. */
  importModule(path: string): Promise<unknown>
  /** A variable of the environment. */
  environment(name: string): string | undefined
  /** Keeps content sealed (`objects.put` of a store) and names it. */
  seal(bytes: Uint8Array): Promise<Digest>
}
