// Owns: the kind `files.tree`: a directory that is exchanged as a whole. Joins the verbs, nothing more.
// Never: knows which world it is in.
import { posix } from 'node:path'
import { keeping } from './tree-objects.ts'
import type { Provider } from '@understudy/contract'
import { stateOf, treeComponents, treeMerging } from './components.ts'
import { freezeTree } from './freeze-tree.ts'
import { closeFork, forkTree } from './fork-tree.ts'
import { heldParts } from './held-parts.ts'
import { knownOf, readKnown } from './known-trees.ts'
import { lookAtTree } from './look-tree.ts'
import type { Memento } from './memento.ts'
import { liveStat, namesOf, openToRead, openToWrite, refuseMounts, slotOf, stepNames } from './place.ts'
import { lookAtParts, prepareParts, releaseParts, turnParts } from './parts.ts'
import { pathNamed } from './pointer.ts'
import { clearStep, prepareTree } from './prepare-tree.ts'
import { FILE_BYTES_MAX, readTree } from './read-tree.ts'
import { releaseTree, removeEmptySlots } from './release-tree.ts'
import { treeSchemas } from './tree-schemas.ts'
import type { TreeOut, TreePart, TreeSpec, TreeState } from './tree-schemas.ts'
import { wantTree } from './want-tree.ts'
import { turnTree } from './turn-tree.ts'
import { changedSince } from './tree-fault.ts'

export const filesTree: Provider<TreeSpec, TreeState, Memento, TreePart, TreeOut> = {
  kind: 'files.tree',
  version: 1,
  schema: treeSchemas,
  lasting: ['path'],
  prepares: () => 'beside',
  home({ path }) {
    namesOf(path)
    return { path: posix.normalize(path).replace(/(?<=.)\/+$/, '') }
  },
  want: ({ part }, spec, call) => wantTree(part, spec, call),

  async read({ part }, _hint, call) {
    const place = openToRead(part.path, call)
    if (place === null) return null
    try {
      const live = liveStat(place)
      if (live === null) return null
      refuseMounts(place, call.fx)
      // The last known state says nothing about when it was so: the record beside the tree says when which state was there.
      const read = await readTree(place.dir, place.live, { call, keep: keeping(call), known: knownOf(readKnown(place), live) })
      return {
        state: stateOf(read.root, read.entry),
        out: { path: part.path, slot: slotOf(place, part.path, live.ino) },
        unmanaged: { times: read.times, sockets: [...read.sockets] },
        volatile: null,
      }
    } finally {
      place.dir.close()
    }
  },

  fork: (from, _to, live, _spec, call) => forkTree(from.part, live, call),
  close: ({ part }, call) => closeFork(part, call),
  prepare: ({ part }, from, to, call) => prepareTree(part, from, to, call),

  async look({ part }, memento, depth, call) {
    const place = openToRead(part.path, call)
    if (place === null) return isAbsent(memento) ? { side: 'before', standby: 'gone' } : { side: 'other', standby: 'gone' }
    try {
      return memento.form === 'tree' ? await lookAtTree(place, memento, depth, call) : await lookAtParts(place, memento, depth, call)
    } finally {
      place.dir.close()
    }
  },

  async turn({ part }, memento, to, call) {
    const place = openToWrite(part.path, call.fx)
    if (place === null) throw changedSince(part.path, ['the directory above it is gone'])
    try {
      return memento.form === 'tree' ? await turnTree(place, memento, to, call) : await turnParts(place, memento, to, call)
    } finally {
      place.dir.close()
    }
  },

  async release({ part }, memento, call) {
    const place = openToWrite(part.path, call.fx)
    if (place === null) return
    try {
      if (memento === null) {
        if (place.dir.stat(place.slots) === null) return
        await clearStep(place, stepNames(call, call.key, place.slots), call)
        await removeEmptySlots(place, call)
      } else if (memento.form === 'tree') {
        await releaseTree(place, memento, call)
      } else {
        await releaseParts(place, memento, call)
      }
    } finally {
      place.dir.close()
    }
  },

  source: { freeze: freezeTree },
  components: treeComponents,
  merging: treeMerging,
  async liveBytes({ part }, pointer, call) {
    const path = pathNamed(pointer)
    const place = path === null || path === '' ? null : openToRead(part.path, call)
    if (place === null) return null
    try {
      const stat = place.dir.stat(`${place.live}/${path}`)
      return stat?.type === 'file' && stat.size <= FILE_BYTES_MAX ? place.dir.read(`${place.live}/${path}`) : null
    } finally {
      place.dir.close()
    }
  },
  inPlaceParts: {
    prepareParts: ({ part }, from, to, pointers, call) => prepareParts(part, from, to, pointers, call),
    heldParts: ({ part }, held, from, to, pointers, call) => heldParts(part, held, from, to, pointers, call),
  },
}

function isAbsent(memento: Memento): boolean {
  return memento.form === 'tree' && memento.before === null
}
