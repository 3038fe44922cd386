// Owns: the flags of open(2) that node:fs does not name; the same on x64 and arm64.
// Never: opens anything.

/** Only a place to start from or a thing to ask about: needs no right to be read. */
export const O_PATH = 0o10000000
/** Not passed on to processes that we start. */
export const O_CLOEXEC = 0o2000000
