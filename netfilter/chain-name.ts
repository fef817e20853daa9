/** Names of the chains that belong to one Service port or endpoint: a prefix and a hash, within iptables' 28 characters. */
import { hash } from 'node:crypto'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const hashCharacters = 16

/** Prefix and hash. `parts` are joined without separator, as upstream does, so that names are the same as upstream's. */
export function hashedChainName(prefix: string, ...parts: readonly string[]): string {
  return prefix + base32(hash('sha256', parts.join(''), 'buffer')).slice(0, hashCharacters)
}

/** RFC 4648 base32 without padding, of the first 16 characters' worth of bytes. */
function base32(bytes: Uint8Array): string {
  let text = ''
  let value = 0
  let bits = 0
  for (const byte of bytes.subarray(0, (hashCharacters * 5) / 8)) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet.charAt((value >>> bits) & 31)
    }
    value &= (1 << bits) - 1
  }
  return text
}
