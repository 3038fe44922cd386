// Owns: what a TypeScript stack file is written with: types and the spelling of references.
// Never: does anything: the module's default export is data, or a function that makes it.
import type { Json } from '@understudy/contract'
import { escapeTemplate } from '../model/template.ts'

/** What a module's function is called with. */
export interface StackContext {
  /** `--var` and files of variables, as they were given. */
  readonly vars: Readonly<Record<string, string | number | boolean>>
  readonly env: string | null
}

type Scalar = string | number | boolean

export interface VariableDefinition {
  readonly default?: Scalar
  readonly description?: string
  /** Default: the type of the default, else `string`. */
  readonly type?: 'string' | 'number' | 'boolean'
  /** Has no default; its value is sealed. */
  readonly secret?: boolean
}

export type SecretDefinition = { readonly env: string } | { readonly file: string }

/** `30s`, `1h30m`, `500ms`. */
export type Duration = string | 0

export interface PolicyDefinition {
  readonly askAt?: number
  readonly refuseAt?: number
  readonly guards?: {
    readonly for?: Duration
    readonly every?: Duration
    readonly failures?: number
    readonly on?: 'keep' | 'hold' | 'undo'
  }
  readonly keep?: number
}

export interface ResourceDefinition {
  readonly kind: string
  /** Values may be `ref(…)`, `variable(…)`, `secret(…)`, alone or within text. */
  readonly spec?: { readonly [key: string]: Json | undefined }
  readonly dependsOn?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly protect?: boolean
  readonly onRemove?: 'delete' | 'keep'
  readonly movedFrom?: string
  readonly ignoreChanges?: readonly string[]
  readonly retries?: number
  readonly timeout?: Duration
  readonly guard?: boolean
}

export interface StackDefinition {
  readonly stack: string
  readonly variables?: Readonly<Record<string, VariableDefinition | Scalar>>
  readonly secrets?: Readonly<Record<string, SecretDefinition>>
  readonly labels?: Readonly<Record<string, string>>
  readonly policy?: PolicyDefinition
  readonly providers?: readonly string[]
  readonly layers?: Readonly<Record<string, Partial<Omit<StackDefinition, 'layers'>>>>
  readonly resources: Readonly<Record<string, ResourceDefinition>>
}

export type StackMaker = (context: StackContext) => StackDefinition | Promise<StackDefinition>

/** `export default defineStack({ … })`, or with a function of `{ vars, env }`. Gives back what it is given, typed. */
export function defineStack<T extends StackDefinition | StackMaker>(definition: T): T {
  return definition
}

/** An output of another resource: `${name.output}`. Alone it keeps its type; within text it becomes part of it. */
export function ref(name: string, output: string): string {
  return `\${${name}.${output}}`
}

/** The value of a declared variable: `${var.name}`. */
export function variable(name: string): string {
  return `\${var.${name}}`
}

/** A declared secret: `${secret.name}`. */
export function secret(name: string): string {
  return `\${secret.${name}}`
}

/** Text that is to stay as it is, also where it holds `${`. */
export function literal(text: string): string {
  return escapeTemplate(text)
}
