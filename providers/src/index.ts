export { filesTree } from './files-tree/provider.ts'
export { processService } from './process-service/provider.ts'
export { proxyRoute } from './proxy-route/provider.ts'
