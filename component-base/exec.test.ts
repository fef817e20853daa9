import { expect, test } from 'vitest'
import { run } from './exec.ts'

test('run() gives a script by standard input and keeps both outputs apart', async () => {
  const result = await run('sh', ['-s'], { input: 'echo out; echo err >&2' })
  expect(result).toEqual({ stdout: 'out\n', stderr: 'err\n' })
})

test('run() rejects with the exit code and the last line of standard error', async () => {
  await expect(run('sh', ['-c', 'echo one >&2; echo two >&2; exit 3'])).rejects.toMatchObject({
    name: 'ExecError',
    exitCode: 3,
    message: expect.stringMatching(/two$/),
  })
})

test('run() rejects for a program that is not there, and for one that takes too long', async () => {
  await expect(run('kubets-absent-program', [])).rejects.toMatchObject({ name: 'ExecError', exitCode: undefined })
  await expect(run('sleep', ['60'], { timeoutMs: 50 })).rejects.toMatchObject({
    name: 'ExecError',
    exitCode: undefined,
  })
})

test('run() ends with its signal, and rejects with its reason', async () => {
  const stop = new AbortController()
  const running = run('sleep', ['60'], { signal: stop.signal })
  stop.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
})
