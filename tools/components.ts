// Owns: the Debian components that tests need: how to see that one is there, and the package that brings it.
// Never: names what only one machine has, or what a user of Understudy must install.

export interface Component {
  readonly name: string
  /** Debian package. */
  readonly package: string
  /** Exits 0 where the component is there. */
  readonly probe: readonly [command: string, ...args: string[]]
  /** True if only tests that need root use it: `npm run test:user` does without. */
  readonly rootOnly: boolean
}

export const components: readonly Component[] = [
  { name: 'git', package: 'git', probe: ['git', '--version'], rootOnly: false },
  { name: 'rsync', package: 'rsync', probe: ['rsync', '--version'], rootOnly: false },
  { name: 'getfattr', package: 'attr', probe: ['getfattr', '--version'], rootOnly: false },
  { name: 'getfacl', package: 'acl', probe: ['getfacl', '--version'], rootOnly: false },
  { name: 'strace', package: 'strace', probe: ['strace', '--version'], rootOnly: true },
  { name: 'unshare', package: 'util-linux', probe: ['unshare', '--version'], rootOnly: true },
  { name: 'ip', package: 'iproute2', probe: ['ip', '-V'], rootOnly: true },
]
