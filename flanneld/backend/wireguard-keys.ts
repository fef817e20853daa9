/** This host's key pair for WireGuard, kept in a file so that a restart does not break tunnels. */
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { replaceFile } from '../../component-base/replace-file.ts'
import { ConfigError } from '../json-fields.ts'

/** Base64 texts, as WireGuard's tools write them. */
export type KeyPair = { readonly privateKey: string; readonly publicKey: string }

const keyBytes = 32

/** What stands before the 32 bytes of an X25519 private key in PKCS #8 (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** Reads the private key, or makes one. */
export async function loadKeys(path: string): Promise<KeyPair> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text !== undefined) return pairOf(parseKey(text, 'could not parse private key from file'))
  const pair = pairOf(clamp(randomBytes(keyBytes)))
  await mkdir(dirname(path), { recursive: true })
  await replaceFile(path, pair.privateKey, 0o400)
  return pair
}

/** The pair of a private key. Pure. */
export function pairOf(privateKey: Buffer): KeyPair {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, privateKey]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return { privateKey: privateKey.toString('base64'), publicKey: spki.subarray(-keyBytes).toString('base64') }
}

/** Bits that every X25519 private key has (RFC 7748). */
function clamp(bytes: Buffer): Buffer {
  bytes.writeUInt8(bytes.readUInt8(0) & 248, 0)
  bytes.writeUInt8((bytes.readUInt8(31) & 127) | 64, 31)
  return bytes
}

/** Whether something is a key of 32 bytes in base64. Pure. */
export function isKey(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(value)
}

/** Reads a key, or says what is wrong with it. Pure. */
export function parseKey(text: string, what: string): Buffer {
  const trimmed = text.trim()
  if (isKey(trimmed)) return Buffer.from(trimmed, 'base64')
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(trimmed)
  const size = Buffer.from(trimmed, 'base64').length
  throw new ConfigError(
    `${what}: wgtypes: ${isBase64 ? `incorrect key size: ${size}` : 'failed to parse base64-encoded key'}`,
  )
}
