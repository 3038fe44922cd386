// Owns: writing content into an empty open file, with holes where it holds nothing: kept content does not say where they were.
// Never: opens or names anything.
import { ftruncateSync, writeSync } from 'node:fs'

const BLOCK = 4_096 // bytes: the smallest hole that the usual file systems keep
const WRITE_MAX = 2 ** 30 // bytes a call: Linux writes at most 2 GiB at once
const zeros = Buffer.alloc(BLOCK)

export function writeContent(fd: number, bytes: Uint8Array): void {
  let end = 0
  for (let at = 0; at < bytes.length; at = end) {
    const hole = isHole(bytes, at)
    do end = Math.min(end + BLOCK, bytes.length)
    while (end < bytes.length && isHole(bytes, end) === hole)
    if (!hole) writeAll(fd, bytes, at, end)
    else if (end === bytes.length) ftruncateSync(fd, end)
  }
}

function isHole(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 && at + BLOCK <= bytes.length && zeros.compare(bytes, at, at + BLOCK) === 0
}

function writeAll(fd: number, bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end;) at += writeSync(fd, bytes, at, Math.min(end - at, WRITE_MAX), at)
}
