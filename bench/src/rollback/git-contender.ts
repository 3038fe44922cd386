// Owns: undo with git: `reset --hard` to the commit before, or a commit that reverts the last one.
// Never: pays for a stale index: it is refreshed before the clock starts.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'
import type { Contender } from './contender.ts'
import type { GeneratedTree } from './generate-tree.ts'

export interface GitTree {
  readonly live: string
  readonly git: (...args: readonly string[]) => number
}

/** A repository with versions 1 (tag `v1`) and 2 (tag `v2`, checked out). */
export function openGitTree(dir: string, tree: GeneratedTree): GitTree {
  const live = join(dir, 'git')
  mkdirSync(live)
  const git = (...args: readonly string[]): number => runTool('git', args, { cwd: live })
  git('init', '-q', '-b', 'main')
  git('config', 'gc.auto', '0')
  tree.write(live, 1)
  git('add', '-A')
  git('commit', '-q', '-m', 'version 1')
  git('tag', 'v1')
  tree.write(live, 2, tree.changedIn(2))
  git('add', '-A')
  git('commit', '-q', '-m', 'version 2')
  git('tag', 'v2')
  return { live, git }
}

export function gitReset({ live, git }: GitTree): Contender {
  return {
    name: 'git reset --hard',
    live,
    undo: async () => ({ ms: git('reset', '-q', '--hard', 'v1'), parts: {} }),
    redo: async () => backTo2(git),
    close: async () => undefined,
  }
}

export function gitRevert({ live, git }: GitTree): Contender {
  return {
    name: 'git revert --no-edit',
    live,
    undo: async () => ({ ms: git('revert', '--no-edit', 'HEAD'), parts: {} }),
    redo: async () => backTo2(git),
    close: async () => undefined,
  }
}

function backTo2(git: GitTree['git']): void {
  git('reset', '-q', '--hard', 'v2')
  git('update-index', '-q', '--refresh')
}
