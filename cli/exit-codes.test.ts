import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-cli-'))
  mkdirSync(join(dir, 'src'))
  writeFileSync(join(dir, 'src/a.txt'), 'one\n')
  writeFileSync(
    join(dir, 'understudy.yaml'),
    'stack: t\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n',
  )
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(import.meta.dirname, 'bin/understudy'), ['-f', join(dir, 'understudy.yaml'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines = args.includes('--json')
    ? stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : []
  return { status, stdout, stderr, lines }
}

const live = (): string => readFileSync(join(dir, 'live/config/a.txt'), 'utf8')

describe('one life of a stack on the command line', () => {
  test('nothing was applied: exit 6 and what to do', () => {
    expect(run('status')).toMatchObject({ status: 6, stdout: '' })
    expect(run('status').stderr).toContain('understudy apply')
  })

  test('validate, plan with --exit-code, apply', () => {
    expect(run('validate').status).toBe(0)
    expect(run('plan', '--exit-code').status).toBe(2)
    const applied = run('--json', 'apply', '-m', 'first')
    expect(applied.status).toBe(0)
    expect(applied.lines[0]).toMatchObject({ type: 'version', ui: '1.0' })
    expect(applied.lines.at(-1)).toMatchObject({ type: 'apply', outcome: 'committed', result: { n: 1 } })
    expect(live()).toBe('one\n')
    expect(run('plan', '--exit-code').status).toBe(0)
  })

  test('a kept plan is applied exactly, or refused with 11 when the world has changed', () => {
    writeFileSync(join(dir, 'src/a.txt'), 'two\n')
    const file = join(dir, 'plan.json')
    expect(run('plan', '-o', file).status).toBe(0)
    writeFileSync(join(dir, 'live/config/a.txt'), 'by hand\n')
    expect(run('apply', file)).toMatchObject({ status: 11 })
    expect(live()).toBe('by hand\n')
    writeFileSync(join(dir, 'live/config/a.txt'), 'one\n')
    expect(run('plan', '-o', file).status).toBe(0)
    expect(run('apply', file).status).toBe(0)
    expect(live()).toBe('two\n')
  })

  test('what a change did is in the log, who and why in the history', () => {
    expect(run('log').stdout).toContain('exchange')
    expect(run('history').stdout).toContain('first')
    expect(run('show', '1').stdout).toContain('files.tree')
    expect(run('diff', '1', '2').stdout).toContain('+two')
    expect(JSON.parse(run('output', 'config').stdout)).toMatchObject({ path: join(dir, 'live/config') })
  })

  test('drift: shown, put back, taken over', () => {
    writeFileSync(join(dir, 'live/config/a.txt'), 'drifted\n')
    expect(run('drift', '--exit-code')).toMatchObject({ status: 2 })
    expect(run('drift', '--revert').status).toBe(0)
    expect(live()).toBe('two\n')
    writeFileSync(join(dir, 'live/config/a.txt'), 'drifted\n')
    expect(run('drift', '--accept').status).toBe(0)
    expect(run('drift', '--exit-code').status).toBe(0)
    expect(run('rollback', '--to', '2').status).toBe(0)
    expect(live()).toBe('two\n')
  })

  test('rollback, refused again by the tombstone with 5, lifted, no revision 6', () => {
    expect(run('rollback', '--to', '1').status).toBe(0)
    expect(live()).toBe('one\n')
    expect(run('apply').status).toBe(5)
    expect(run('tombstone', 'lift').status).toBe(0)
    expect(run('apply').status).toBe(0)
    expect(run('rollback', '--to', '99').status).toBe(6)
    expect(run('rollback').status).toBe(0)
    expect(run('rollback').stdout).toContain('Nothing to undo')
  })

  test.each([
    ['an unknown verb', ['aply']],
    ['an unknown option', ['apply', '--nonsense']],
    ['a variable without a value', ['--var', 'x', 'apply']],
    ['a bad time', ['apply', '--confirm-within', '10']],
    ['two ends of one change', ['apply', '--for', '1h', '--until', '18:00']],
    ['nobody to ask', ['destroy']],
    ['both', ['drift', '--accept', '--revert']],
    ['a file that is no plan', ['apply', '/etc/hostname']],
  ])('%s: exit 3', (_what, args) => {
    expect(run(...args)).toMatchObject({ status: 3 })
  })

  test('an error in the stack file points at line and column', () => {
    const file = join(dir, 'bad.yaml')
    writeFileSync(file, 'stack: t\nresources:\n  config: { kind: files.tre, spec: { path: /x } }\n')
    const { status, stderr } = run('-f', file, 'validate')
    expect(status).toBe(3)
    expect(stderr).toMatch(/bad\.yaml:3:\d+/)
    expect(stderr).toContain('Did you mean "files.tree"?')
  })

  test('doctor, completion, unlock, forget, destroy', () => {
    expect(run('doctor').status).toBe(0)
    expect(run('completion', 'bash').stdout).toContain('complete -o default')
    expect(run('unlock').stdout).toContain('Nobody holds')
    expect(run('-y', 'destroy').status).toBe(0)
    expect(() => live()).toThrow('ENOENT')
    expect(run('rollback').status).toBe(0)
    expect(live()).toBe('one\n')
    expect(run('forget', 'config').status).toBe(0)
    expect(run('import', 'config').status).toBe(0)
  })
})
