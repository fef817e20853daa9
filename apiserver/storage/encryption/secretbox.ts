/**
 * NaCl's `secretbox`: XSalsa20 with Poly1305. OpenSSL, and so Node, has neither Salsa20 nor a bare Poly1305; upstream offers
 * it for values in etcd, so that a store written with it must be readable here.
 *
 *   box = tag (16 bytes)  ciphertext;  the first 32 bytes of the key stream are the key of the tag
 *
 * Sources: Bernstein, "Extending the Salsa20 nonce" and "The Poly1305-AES message-authentication code".
 */
import { timingSafeEqual } from 'node:crypto'

export const secretboxNonceBytes = 24
export const secretboxTagBytes = 16
const keyBytes = 32
const blockBytes = 64
const rounds = 20

/** `expand 32-byte k`, the constants on the diagonal of Salsa20's matrix. */
const sigma = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const
/** One double round: four quarter rounds over columns, four over rows, each as (target, a, b, shift). */
const columns = [0, 4, 8, 12, 5, 9, 13, 1, 10, 14, 2, 6, 15, 3, 7, 11]
const rows = [0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14]

/** Encrypts and authenticates. */
export function sealSecretbox(plain: Buffer, nonce: Buffer, key: Buffer): Buffer {
  const { tagKey, stream } = keyStream(plain.length, nonce, key)
  const sealed = xor(plain, stream)
  return Buffer.concat([poly1305(sealed, tagKey), sealed])
}

/** The plain text, or `undefined` when the box was not made with this key and nonce. */
export function openSecretbox(box: Buffer, nonce: Buffer, key: Buffer): Buffer | undefined {
  if (box.length < secretboxTagBytes) return undefined
  const sealed = box.subarray(secretboxTagBytes)
  const { tagKey, stream } = keyStream(sealed.length, nonce, key)
  if (!timingSafeEqual(poly1305(sealed, tagKey), box.subarray(0, secretboxTagBytes))) return undefined
  return xor(sealed, stream)
}

function xor(bytes: Buffer, stream: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length)
  for (let at = 0; at < bytes.length; at++) out[at] = (bytes[at] ?? 0) ^ (stream[at] ?? 0)
  return out
}

function keyStream(length: number, nonce: Buffer, key: Buffer): { readonly tagKey: Buffer; readonly stream: Buffer } {
  const subkey = words(hsalsa20(key, nonce.subarray(0, 16)))
  const rest = words(nonce.subarray(16))
  const bytes = Buffer.alloc(Math.ceil((keyBytes + length) / blockBytes) * blockBytes)
  for (let block = 0; block * blockBytes < bytes.length; block++) {
    writeBlock(matrix(subkey, [rest[0] ?? 0, rest[1] ?? 0, block, 0]), bytes, block * blockBytes)
  }
  return { tagKey: bytes.subarray(0, keyBytes), stream: bytes.subarray(keyBytes) }
}

function words(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(index * 4))
}

function matrix(key: readonly number[], input: readonly number[]): Uint32Array {
  const [a, b, c, d] = sigma
  return Uint32Array.from([a, ...key.slice(0, 4), b, ...input, c, ...key.slice(4, 8), d])
}

function writeBlock(input: Uint32Array, out: Buffer, at: number): void {
  const mixed = mix(input)
  for (let index = 0; index < 16; index++) {
    out.writeUInt32LE(((mixed[index] ?? 0) + (input[index] ?? 0)) >>> 0, at + index * 4)
  }
}

/** The key for the second half of a long nonce: the mixed matrix without the final addition, diagonal and input only. */
function hsalsa20(key: Buffer, nonce: Buffer): Buffer {
  const mixed = mix(matrix(words(key), words(nonce)))
  const out = Buffer.allocUnsafe(keyBytes)
  for (const [index, from] of [0, 5, 10, 15, 6, 7, 8, 9].entries()) out.writeUInt32LE(mixed[from] ?? 0, index * 4)
  return out
}

function mix(input: Uint32Array): Uint32Array {
  const x = Uint32Array.from(input)
  for (let round = 0; round < rounds; round += 2) {
    quarterRounds(x, columns)
    quarterRounds(x, rows)
  }
  return x
}

function quarterRounds(x: Uint32Array, order: readonly number[]): void {
  for (let at = 0; at < 16; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = order.slice(at, at + 4)
    turn(x, b, a, d, 7)
    turn(x, c, b, a, 9)
    turn(x, d, c, b, 13)
    turn(x, a, d, c, 18)
  }
}

function turn(x: Uint32Array, target: number, a: number, b: number, shift: number): void {
  const sum = ((x[a] ?? 0) + (x[b] ?? 0)) >>> 0
  x[target] = (x[target] ?? 0) ^ ((sum << shift) | (sum >>> (32 - shift)))
}

const prime = (1n << 130n) - 5n
const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn
const low128 = (1n << 128n) - 1n

function poly1305(message: Buffer, key: Buffer): Buffer {
  const r = littleEndian(key.subarray(0, 16)) & clamp
  let sum = 0n
  for (let at = 0; at < message.length; at += 16) {
    const part = message.subarray(at, at + 16)
    sum = ((sum + littleEndian(part) + (1n << BigInt(part.length * 8))) * r) % prime
  }
  const tag = (sum + littleEndian(key.subarray(16, 32))) & low128
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse()
}

function littleEndian(bytes: Buffer): bigint {
  if (bytes.length === 16) return bytes.readBigUInt64LE(0) | (bytes.readBigUInt64LE(8) << 64n)
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}
