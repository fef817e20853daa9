import { expect, test } from 'vitest'
import { type Image, ociArchive } from './oci.ts'
import { pauseProgram } from './pause.ts'
import { tar } from './tar.ts'

const image: Image = {
  reference: 'kubets.local/x:1',
  architecture: 'amd64',
  files: [{ type: 'file', path: 'a', mode: 0o644, content: Buffer.from('hello') }],
  config: { Cmd: ['/a'] },
}

/** Reads names and contents back, by the header fields that tar(5) gives. */
function untar(archive: Buffer): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; archive[at] !== 0; ) {
    const name = archive.toString('utf8', at, archive.indexOf(0, at))
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8)
    found.set(name, archive.toString('utf8', at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return found
}

test('tar() writes blocks of 512 bytes with a right checksum', () => {
  const archive = tar([{ type: 'file', path: 'a', mode: 0o644, content: Buffer.from('hello') }])
  expect(archive.length).toBe(512 + 512 + 1024)
  const header = Buffer.from(archive.subarray(0, 512))
  const stated = Number.parseInt(header.toString('latin1', 148, 154), 8)
  header.fill(' ', 148, 156)
  expect(header.reduce((sum, byte) => sum + byte, 0)).toBe(stated)
})

test('tar() refuses a path that does not fit', () => {
  expect(() => tar([{ type: 'directory', path: 'x'.repeat(101), mode: 0o755 }])).toThrow(RangeError)
})

test('ociArchive() names each image and every blob is what its digest says', async () => {
  const { createHash } = await import('node:crypto')
  const files = untar(ociArchive([image]))
  const index = JSON.parse(files.get('index.json') ?? '')
  expect(index.manifests[0].annotations['io.containerd.image.name']).toBe('kubets.local/x:1')
  const blobs = [...files].filter(([name]) => name.startsWith('blobs/sha256/'))
  expect(blobs).toHaveLength(3)
  for (const [name, content] of blobs) {
    expect(createHash('sha256').update(content).digest('hex')).toBe(name.slice('blobs/sha256/'.length))
  }
})

test('ociArchive() gives equal bytes for equal images', () => {
  expect(ociArchive([image]).equals(ociArchive([image]))).toBe(true)
})

for (const [architecture, machine] of [
  ['amd64', 62],
  ['arm64', 183],
] as const) {
  test(`pauseProgram() is an ELF file whose entry lies behind its headers on ${architecture}`, () => {
    const program = pauseProgram(architecture)
    expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
    expect(program.readUInt16LE(18)).toBe(machine)
    expect(Number(program.readBigUInt64LE(24)) - Number(program.readBigUInt64LE(80))).toBe(120)
    expect(Number(program.readBigUInt64LE(96))).toBe(program.length)
  })
}

test('pauseProgram() waits until it is killed', async () => {
  const { mkdtemp, rm, writeFile } = await import('node:fs/promises')
  const { spawn } = await import('node:child_process')
  const { tmpdir } = await import('node:os')
  const folder = await mkdtemp(`${tmpdir()}/kubets-pause-`)
  try {
    await writeFile(`${folder}/pause`, pauseProgram(process.arch === 'arm64' ? 'arm64' : 'amd64'), { mode: 0o755 })
    const child = spawn(`${folder}/pause`, { stdio: 'ignore' })
    const ended = new Promise<NodeJS.Signals | null>((resolve) => {
      child.once('exit', (_code, signal) => resolve(signal))
    })
    await new Promise((resolve) => {
      child.once('spawn', resolve)
    })
    child.kill('SIGTERM')
    expect(await ended).toBe('SIGTERM')
  } finally {
    await rm(folder, { recursive: true })
  }
})
