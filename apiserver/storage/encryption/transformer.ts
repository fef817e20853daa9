/**
 * What is done to values on their way to etcd and back. Prefixes and layouts are upstream's, so that either server opens the
 * other's data: `k8s:enc:aescbc:v1:key1:` followed by what the provider makes.
 */

/** One provider with one key. `context` is the value's etcd key: a value moved to another key must not open. */
export type Transformer = {
  /** What values made by it begin with; `''` for plain values. */
  readonly prefix: string
  readonly encrypt: (plain: Buffer, context: string) => Buffer | Promise<Buffer>
  /** Gets what follows the prefix. Throws when it cannot be opened. */
  readonly decrypt: (data: Buffer, context: string) => Buffer | Promise<Buffer>
  /** Whether it would write what it made otherwise now. Absent: never. */
  readonly isStale?: (data: Buffer) => boolean
}

/** All that may be done to values of one resource: the first writes, all read. */
export type TransformerChain = readonly [Transformer, ...Transformer[]]

/** A plain value, and whether the first provider of the chain would write it otherwise. */
export type Opened = { readonly value: Buffer; readonly stale: boolean }

const encryptedPrefix = 'k8s:enc:'
/** What is said of an encrypted value that nobody was told how to open. */
export const encryptedProblem = 'identity transformer tried to read encrypted data'

/** Whether a stored value is one that some provider made. */
export function isEncrypted(value: Buffer): boolean {
  return (
    // Nearly all values are JSON.
    value[0] === 0x6b &&
    value.length >= encryptedPrefix.length &&
    value.toString('latin1', 0, encryptedPrefix.length) === encryptedPrefix
  )
}

/** Leaves values as they are, and does not mistake encrypted ones for plain. */
export const identity: Transformer = {
  prefix: '',
  encrypt: (plain) => plain,
  decrypt: (data) => {
    if (isEncrypted(data)) throw new TransformError(encryptedProblem)
    return data
  },
}

/** A value could not be encrypted or opened. */
export class TransformError extends Error {
  override readonly name = 'TransformError'
  /** It may be possible later: what opens the value is away. */
  readonly passes: boolean

  constructor(message: string, { passes = false }: { readonly passes?: boolean } = {}) {
    super(message)
    this.passes = passes
  }
}

/** Writes with the first provider. */
export async function seal([first]: TransformerChain, plain: Buffer, context: string): Promise<Buffer> {
  const sealed = await first.encrypt(plain, context)
  return first.prefix === '' ? sealed : Buffer.concat([Buffer.from(first.prefix), sealed])
}

/**
 * Opens with the first provider that can: several may share a prefix while keys are rotated. Upstream's `prefixTransformers`.
 */
export async function open(chain: TransformerChain, stored: Buffer, context: string): Promise<Opened> {
  const failures: string[] = []
  let passes = false
  for (const [index, { prefix, decrypt, isStale }] of chain.entries()) {
    if (!startsWith(stored, prefix)) continue
    const data = stored.subarray(Buffer.byteLength(prefix))
    try {
      return { value: await decrypt(data, context), stale: index > 0 || isStale?.(data) === true }
    } catch (error) {
      passes ||= error instanceof TransformError && error.passes
      // That identity refuses what is encrypted only means that another provider has to open it.
      if (prefix !== '') failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new TransformError(aggregate(failures) ?? unmatched(chain, stored), { passes })
}

function startsWith(stored: Buffer, prefix: string): boolean {
  return prefix === '' || stored.subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix))
}

function aggregate(failures: readonly string[]): string | undefined {
  const different = [...new Set(failures)]
  return different.length <= 1 ? different[0] : `[${different.join(', ')}]`
}

/** Upstream looks for the provider first and for its key then. */
function unmatched(chain: TransformerChain, stored: Buffer): string {
  const provider = /^k8s:enc:(aescbc|aesgcm|secretbox):v1:/.exec(stored.toString('latin1', 0, 32))?.[0]
  if (provider !== undefined && chain.some(({ prefix }) => prefix.startsWith(provider))) {
    const name = provider.includes('secretbox') ? 'Secretbox' : 'AES'
    return `no matching key was found for the provided ${name} transformer`
  }
  return 'no matching prefix found'
}
