export { openEffects } from '../fx/open-effects.ts'
export { memoryObjects } from './memory-objects.ts'
export { openStage } from './open-stage.ts'
export type { Stage } from './open-stage.ts'
