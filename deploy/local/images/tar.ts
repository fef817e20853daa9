/** A small tar writer (POSIX ustar): enough for image layers. Pure. */

export type TarEntry =
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }

const blockBytes = 512
const typeFlags = { file: '0', symlink: '2', directory: '5' } as const

/** One archive; equal entries give equal bytes. Paths are at most 100 bytes. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    const content = entry.type === 'file' ? entry.content : new Uint8Array(0)
    parts.push(header(entry, content.length), content, Buffer.alloc(padding(content.length)))
  }
  parts.push(Buffer.alloc(2 * blockBytes))
  return Buffer.concat(parts)
}

function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes
}

function header(entry: TarEntry, size: number): Buffer {
  if (Buffer.byteLength(entry.path) > 100) throw new RangeError(`path is too long for tar: ${entry.path}`)
  const block = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, width: number): void => {
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  }
  block.write(entry.path, 0)
  octal(entry.type === 'symlink' ? 0o777 : entry.mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  block.write('        ', 148)
  block.write(typeFlags[entry.type], 156)
  if (entry.type === 'symlink') block.write(entry.target, 157)
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
