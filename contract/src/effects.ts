// Owns: the only ways in which a provider can touch anything: file system, processes, HTTP, SQL, time.
// Every method is bound to one world and one step; what it did is recorded and redacted in one place.
// Never: lets a provider import node:fs and the like (tools/tidy.ts checks).

/**
 * Path and file names are strings. A byte that is not part of valid UTF-8 is the lone surrogate U+DC00 + byte (as in
 * Python's PEP 383), in both directions; pages and terminals show it as `\xNN`.
 */
export type Path = string

export interface Stat {
  readonly type: 'file' | 'dir' | 'link' | 'fifo' | 'socket' | 'char' | 'block'
  /** Permission bits with setuid, setgid, sticky: 0..0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
  /** Blocks of 512 bytes that are really there (a sparse file has fewer than its size). */
  readonly blocks: number
  readonly nlink: number
  readonly dev: bigint
  readonly ino: bigint
  readonly rdev: bigint
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/**
 * A directory held open. All names are relative to it (`''` is itself); no component is ever followed out of it: a
 * symbolic link in the middle of a name is `files.outside-tree`, also when it is put there between check and use.
 * Synchronous on purpose: 4x faster than promises for many small files (PERFORMANCE 1b); call `fx.pause()` between batches.
 * Missing things: `stat` says null, everything else faults with class `conflict` (it was expected to be there) or
 * `forbidden`; a full disk is `transient` with code `fs.no-space`.
 */
export interface DirReads {
  readonly path: Path
  stat(name: Path): Stat | null
  /** Names in byte order, with their types. */
  list(name: Path): readonly { readonly name: string; readonly type: Stat['type'] }[]
  read(name: Path): Uint8Array
  readlink(name: Path): string
  /** All extended attributes that can be read, with POSIX ACLs (`system.posix_acl_*`) and capabilities. Names sorted. */
  xattrs(name: Path): Readonly<Record<string, Uint8Array>>
  close(): void
}

export interface DirWrites extends DirReads {
  /** Creates a new file and writes it whole, with holes for whole blocks (4 KiB) of zeros; fails if the name is taken. Mode is exact (no umask). */
  create(name: Path, bytes: Uint8Array, mode: number): void
  mkdir(name: Path, mode: number): void
  symlink(name: Path, target: string): void
  /** A second name for an existing file of the same tree. */
  hardlink(name: Path, existing: Path): void
  /** FIFO or device node. */
  mknod(name: Path, type: 'fifo' | 'char' | 'block', mode: number, rdev: bigint): void
  chmod(name: Path, mode: number): void
  chown(name: Path, uid: number, gid: number): void
  /** Modification time, of the link itself for links; exact to the nanosecond. */
  setMtime(name: Path, mtimeNs: bigint): void
  setXattrs(name: Path, set: Readonly<Record<string, Uint8Array>>, drop: readonly string[]): void
  /** Copies a regular file's content from another open directory: reflink where the file system can, holes kept. */
  copyFrom(from: DirReads, fromName: Path, name: Path, mode: number): void
  /** Removes a file, a link, or a directory with everything in it. Absent is fine. */
  remove(name: Path): void
  /** Within this directory, or into another one of the same file system. `replace: false` fails if the target is there. */
  rename(name: Path, to: DirWrites, toName: Path, how: { readonly replace: boolean }): void
  /** renameat2 RENAME_EXCHANGE. False where the file system or kernel cannot; nothing has happened then. */
  exchange(name: Path, other: DirWrites, otherName: Path): boolean
  /** fsync of one file or directory. */
  sync(name: Path): void
  /** syncfs: all of the file system that this directory is on. */
  syncAll(): void
}

/** A process that outlives its parent, known by something that a reused pid cannot fake. */
export interface ProcessId {
  /** Kernel's boot id. */
  readonly boot: string
  readonly pid: number
  /** Start time in clock ticks since boot (/proc/PID/stat field 22). */
  readonly start: number
}

export interface FoundProcess extends ProcessId {
  /** Process group: its own pid where it leads one, and then a signal to it goes to all of that. */
  readonly group: number
}

export interface CommandResult {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  /** True if either stream was cut at the limit (1 MiB each). */
  readonly cut: boolean
}

export interface CommandOptions {
  readonly cwd?: Path
  /** The whole environment; nothing is inherited but PATH when it is not given. */
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: Uint8Array
  readonly timeoutMs: number
}

export interface SpawnOptions {
  readonly cwd: Path
  readonly env: Readonly<Record<string, string>>
  /** Standard output and error are appended here (0600). */
  readonly log: Path
  /** Directories and regular files handed over as open descriptors 3, 4, …; the process finds them as /proc/self/fd/N whatever their names become. */
  readonly dirs?: readonly Path[]
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly limits?: { readonly nofile?: number; readonly memoryBytes?: number }
}

export interface HttpRequest {
  readonly method: string
  /** `http://host:port/path`, or with `socket` the path of a unix socket. */
  readonly url: string
  readonly socket?: Path
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly timeoutMs: number
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** At most 1 MiB; more is a fault. */
  readonly body: Uint8Array
}

export type SqlValue = null | number | bigint | string | Uint8Array

/** An embedded database (SQLite) opened by path. Synchronous, one connection. */
export interface SqlReads {
  all(sql: string, ...params: readonly SqlValue[]): readonly Readonly<Record<string, SqlValue>>[]
  /** Rows one by one, for tables that do not fit in memory. */
  each(sql: string, ...params: readonly SqlValue[]): Iterable<Readonly<Record<string, SqlValue>>>
  close(): void
}

export interface SqlWrites extends SqlReads {
  /** One statement with parameters. Returns the number of rows changed. */
  run(sql: string, ...params: readonly SqlValue[]): number
  /** One or more statements as written by a user, without parameters. */
  script(sql: string): void
}

export interface Reads {
  readonly fs: { open(dir: Path): DirReads; space(path: Path): { readonly freeBytes: number; readonly totalBytes: number } }
  readonly process: {
    alive(id: ProcessId): boolean
    /** Resident set in bytes, or null when it is gone. */
    memory(id: ProcessId): number | null
    /**
     * Living processes (not ours) that were started with exactly `name=value` in their environment, children included.
     * For what a kill left over between starting a process and taking note of it. Those we may not read are left out.
     */
    find(name: string, value: string): readonly FoundProcess[]
    /** Kernel's boot id: changes with every reboot. */
    readonly bootId: string
  }
  readonly net: {
    /** A TCP connection could be opened (and was closed again). */
    accepts(host: string, port: number, timeoutMs: number): Promise<boolean>
    /** A port that nobody listens on now; the caller must cope with losing it. */
    freePort(host: string): Promise<number>
  }
  readonly http: { get(request: Omit<HttpRequest, 'method' | 'body'>): Promise<HttpResponse> }
  readonly sql: {
    /** Opens what is there to read; a WAL database nobody has open is read without leaving -wal and -shm files behind. */
    open(file: Path): SqlReads
    /** A new, empty database in memory, to try statements on: changes nothing that is there. */
    scratch(): SqlWrites
  }
  readonly time: {
    /** Milliseconds since 1970 by the wall clock; for records, never for order. */
    now(): number
    /** Milliseconds that only grow. */
    monotonic(): number
    /** Resolves after so many ms; rejects when the step is cancelled. */
    wait(ms: number): Promise<void>
  }
  /** Lets others run (heartbeat, cancellation); call it between batches of synchronous work. */
  pause(): Promise<void>
}

export interface Writes {
  readonly fs: {
    open(dir: Path): DirWrites
    /** Like `mkdir -p`; new directories get this mode. */
    ensure(dir: Path, mode: number): void
  }
  readonly process: {
    /**
     * Runs a command to its end. Never through a shell: argv is handed over as it is. Until then it has the stack's lock on
     * descriptor 3: whoever takes the stack over from a dead or paused process ends it first.
     */
    run(argv: readonly string[], options: CommandOptions): Promise<CommandResult>
    /** Starts a process in a session of its own; it survives this one. Resolves once it has been started (exec done). */
    spawn(argv: readonly string[], options: SpawnOptions): Promise<ProcessId>
    /** Sends a signal to the process group if it is still that process. False if it is gone. */
    signal(id: ProcessId, signal: 'SIGTERM' | 'SIGKILL' | 'SIGHUP' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT' | 'SIGUSR1' | 'SIGUSR2'): boolean
  }
  readonly http: { send(request: HttpRequest): Promise<HttpResponse> }
  readonly sql: {
    /** Opens or creates; WAL is left as it is found, synchronous=FULL, foreign keys as found, busy timeout 5 s. */
    open(file: Path): SqlWrites
    /** A consistent copy while others write (backup API). */
    copy(from: Path, to: Path): Promise<void>
  }
}

/** All reads and writes, merged channel by channel: what `Hands` carry. Where both have a method, it is the writing one. */
export type Effects = {
  readonly [C in keyof Reads]: C extends keyof Writes ? Omit<Reads[C], keyof Writes[C]> & Writes[C] : Reads[C]
}

/** One thing that was done, as the change log keeps it. Already redacted. */
export interface EffectRecord {
  readonly channel: 'fs' | 'process' | 'http' | 'sql' | 'net'
  /** e.g. `create`, `exchange`, `run`, `spawn`, `PUT`, `statement`. */
  readonly verb: string
  /** Path, command line, URL or SQL text. */
  readonly target: string
  /** Wall clock, ms since 1970. */
  readonly at: number
  readonly durationMs: number
  /** `ok`, `exit 1`, `HTTP 409`, a fault code. */
  readonly result: string
  readonly bytes: number
  /** How many alike were folded into this row (same verb, same directory); 1 when none. */
  readonly count: number
}
