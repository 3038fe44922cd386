// Owns: what a stack file in TypeScript imports from `understudy`: `defineStack`, the spelling of references, types.
// Never: anything that does something.
export { defineStack, literal, ref, secret, variable } from '@understudy/engine/define-stack'
export type {
  Duration,
  PolicyDefinition,
  ResourceDefinition,
  SecretDefinition,
  StackContext,
  StackDefinition,
  StackMaker,
  VariableDefinition,
} from '@understudy/engine/define-stack'
