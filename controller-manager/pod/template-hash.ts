/** A short stable name for one version of a pod template. */
import type { PodTemplateSpec } from '../../api/core/v1.ts'
import { canonicalJson } from './canonical-json.ts'

const fnvOffset = 0x811c9dc5
const fnvPrime = 0x01000193
/** No vowels, so that no word appears by chance. Source: `rand.SafeEncodeString`. */
const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a, 32 bits. */
export function fnv32a(bytes: Uint8Array): number {
  let hash = fnvOffset
  for (const byte of bytes) hash = Math.imul(hash ^ byte, fnvPrime) >>> 0
  return hash
}

/** Each character becomes one of the safe alphabet. */
export function safeEncodeString(text: string): string {
  return [...text].map((char) => safeAlphabet[char.charCodeAt(0) % safeAlphabet.length]).join('')
}

/** The same for the same template and collision count, whatever the order of the fields. */
export function templateHash(template: PodTemplateSpec, collisionCount?: number): string {
  return hashOf(template, collisionCount)
}

/** The hash of any JSON value, as it stands in names and labels. */
export function hashOf(value: unknown, collisionCount?: number): string {
  const text = canonicalJson(value) + (collisionCount === undefined ? '' : `\n${collisionCount}`)
  return safeEncodeString(String(fnv32a(new TextEncoder().encode(text))))
}
