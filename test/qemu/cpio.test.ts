import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cpio } from './cpio.ts'

test('cpio() writes an archive that busybox unpacks', (context) => {
  const archive = cpio([
    { type: 'file', path: 'usr/bin/tool', content: Buffer.from('12345'), isExecutable: true },
    { type: 'file', path: 'etc/plain', content: Buffer.from('') },
    { type: 'link', path: 'bin', target: 'usr/bin' },
    { type: 'folder', path: 'proc' },
  ])
  const folder = mkdtempSync(join(tmpdir(), 'cpio-'))
  try {
    const { status, error } = spawnSync('busybox', ['cpio', '-i'], { cwd: folder, input: Buffer.concat([...archive]) })
    if (error !== undefined) return context.skip('busybox is not here')
    expect(status).toBe(0)
    expect(readdirSync(folder).toSorted()).toEqual(['bin', 'etc', 'proc', 'usr'])
    expect(readFileSync(join(folder, 'bin/tool'), 'utf8')).toBe('12345')
    expect(statSync(join(folder, 'usr/bin/tool')).mode & 0o777).toBe(0o755)
    expect(statSync(join(folder, 'etc/plain')).size).toBe(0)
    expect(readlinkSync(join(folder, 'bin'))).toBe('usr/bin')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
