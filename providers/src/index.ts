export { filesTree } from './files-tree/provider.ts'
