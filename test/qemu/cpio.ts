/** The archive that a kernel unpacks into its first file system: cpio, "newc" format (kernel documentation: initramfs buffer format). */

export type CpioEntry =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'file'; readonly path: string; readonly content: Uint8Array; readonly isExecutable?: boolean }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  /** A character device, such as the console. */
  | { readonly type: 'device'; readonly path: string; readonly major: number; readonly minor: number }

const modes = { folder: 0o040755, file: 0o100644, link: 0o120777, device: 0o020600 } as const

/** The pieces of the archive, one after the other; missing parent folders are added. */
export function cpio(entries: readonly CpioEntry[]): readonly Uint8Array[] {
  const all = [...parentsOf(entries), ...entries]
  const pieces = all.flatMap((entry, index) => pieceOf(entry, index + 1))
  return [...pieces, ...pieceOf({ type: 'file', path: 'TRAILER!!!', content: new Uint8Array() }, 0)]
}

function parentsOf(entries: readonly CpioEntry[]): readonly CpioEntry[] {
  const known = new Set(entries.filter(({ type }) => type !== 'file').map(({ path }) => path))
  const parents = new Set<string>()
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1)
    for (let length = 1; length <= parts.length; length += 1) parents.add(parts.slice(0, length).join('/'))
  }
  return [...parents].filter((path) => !known.has(path)).map((path) => ({ type: 'folder', path }))
}

function pieceOf(entry: CpioEntry, inode: number): readonly Uint8Array[] {
  const content = contentOf(entry)
  const mode = entry.type === 'file' && entry.isExecutable === true ? 0o100755 : modes[entry.type]
  const device = entry.type === 'device' ? [entry.major, entry.minor] : [0, 0]
  const name = Buffer.from(`${entry.path}\0`)
  // inode, mode, uid, gid, links, time, size, device (2), device that the node stands for (2), length of the name, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, name.length, 0]
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
  return [header, name, padding(header.length + name.length), content, padding(content.length)]
}

function contentOf(entry: CpioEntry): Uint8Array {
  switch (entry.type) {
    case 'file':
      return entry.content
    case 'link':
      return Buffer.from(entry.target)
    case 'folder':
    case 'device':
      return new Uint8Array()
  }
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4)
}
