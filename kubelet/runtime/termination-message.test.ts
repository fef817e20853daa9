import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cri } from './cri.ts'
import { terminationMessagePathAnnotation, terminationMessagePolicyAnnotation } from './labels.ts'
import { lastOfLog, terminationMessage } from './termination-message.ts'

const line = (tag: string, text: string) => `2026-01-01T00:00:00.000000000Z stdout ${tag} ${text}\n`

test.each([
  { name: 'keeps the ends of lines', log: line('F', 'one') + line('F', 'two'), want: 'one\ntwo\n' },
  { name: 'ends no line that the container did not end', log: line('F', 'one') + line('P', 'DONE'), want: 'one\nDONE' },
  { name: 'joins the pieces of a long line', log: line('P', 'a') + line('F', 'b'), want: 'ab\n' },
  { name: 'leaves out what is no log', log: `half a line\n${line('F', 'one')}`, want: 'one\n' },
  { name: 'keeps the last lines', log: line('F', 'x').repeat(100), want: 'x\n'.repeat(80) },
  { name: 'keeps the last bytes', log: line('P', `${'a'.repeat(3000)}b`), want: `${'a'.repeat(2047)}b` },
])('lastOfLog() $name', ({ log, want }) => {
  expect(lastOfLog(Buffer.from(log))).toBe(want)
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-message-'))
  await writeFile(join(folder, 'long'), `${'a'.repeat(5000)}z`)
  await writeFile(join(folder, 'empty'), '')
  await writeFile(join(folder, 'log'), line('P', 'DONE'))
})
afterAll(async () => await rm(folder, { recursive: true }))

test.each([
  { name: 'the end of a long file', file: 'long', policy: 'File', exitCode: 0, want: `${'a'.repeat(4095)}z` },
  { name: 'nothing of the log by default', file: 'empty', policy: 'File', exitCode: 1, want: '' },
  { name: 'the log of a failure', file: 'empty', policy: 'FallbackToLogsOnError', exitCode: 1, want: 'DONE' },
  {
    name: 'the log where the file is missing',
    file: 'none',
    policy: 'FallbackToLogsOnError',
    exitCode: 1,
    want: 'DONE',
  },
  { name: 'nothing of the log of a success', file: 'empty', policy: 'FallbackToLogsOnError', exitCode: 0, want: '' },
])('terminationMessage() gives $name', async ({ file, policy, exitCode, want }) => {
  // The few fields of the runtime's answer that it looks at.
  const status = {
    exitCode,
    reason: 'Error',
    annotations: { [terminationMessagePathAnnotation]: '/m', [terminationMessagePolicyAnnotation]: policy },
    mounts: [{ containerPath: '/m', hostPath: join(folder, file) }],
    logPath: join(folder, 'log'),
  } as unknown as Cri<'ContainerStatus'>
  expect(await terminationMessage(status)).toBe(want)
})
