import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { replaceFile } from './replace-file.ts'

test('replaceFile() makes and replaces a file, over what a dead writer has left, and leaves nothing beside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kubets-replace-'))
  try {
    const path = join(folder, 'f')
    await replaceFile(path, 'first', 0o600)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await writeFile(`${path}.tmp`, 'half of something longer')
    await replaceFile(path, 'second', 0o600)
    expect(await readFile(path, 'utf8')).toBe('second')
    expect(await readdir(folder)).toEqual(['f'])
  } finally {
    await rm(folder, { recursive: true })
  }
})
