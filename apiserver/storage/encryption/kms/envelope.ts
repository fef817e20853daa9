/** Checks of what plugin and store give, and the keys that values are encrypted with. Pure but for randomness. Source: KEP-3299. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { validateFullyQualifiedName } from '../../../../api/meta/domain-name.ts'
import { joinErrors } from '../../../authn/join-errors.ts'
import { openGcm, sealGcm } from '../providers.ts'
import { TransformError } from '../transformer.ts'
import type { EncryptedObject } from './messages.ts'

/** Keys derived from a seed; what upstream writes since 1.29. */
export const seedSource = 1
const keySource = 0
const seedBytes = 32
const infoBytes = 32
const keyIdMaxBytes = 1024
const dekSourceMaxBytes = 1024
const annotationsMaxBytes = 32 * 1024

/** Encrypts and opens values with what the plugin keeps secret for us. */
export type Dek = {
  readonly seal: (plain: Buffer, context: string) => Buffer
  readonly open: (data: Buffer, context: string) => Buffer
}

/** A new seed. */
export function newSeed(): Buffer {
  return randomBytes(seedBytes)
}

/** What the plugin's plaintext is used for. */
export function dekOf(plaintext: Buffer, sourceType: number): Dek {
  return sourceType === keySource ? keyDek(plaintext) : seedDek(plaintext)
}

/** Only read: values of 1.27 and 1.28 without `KMSv2KDF`. */
function keyDek(key: Buffer): Dek {
  if (![16, 24, 32].includes(key.length)) throw new TransformError(`crypto/aes: invalid key size ${key.length}`)
  return {
    seal: (plain, context) => sealGcm(key, plain, context),
    open: (data, context) => openGcm(key, data, context),
  }
}

/** Every value has a key of its own: 32 random bytes stand before it, from which and the seed the key is made. */
function seedDek(seed: Buffer): Dek {
  if (seed.length < seedBytes) throw new TransformError(`invalid seed length ${seed.length} used for key generation`)
  return {
    seal: (plain, context) => {
      const info = randomBytes(infoBytes)
      return Buffer.concat([info, sealGcm(derivedKey(seed, info), plain, context)])
    },
    open: (data, context) => {
      if (data.length < infoBytes) throw new TransformError('the stored data was shorter than the required size')
      const info = data.subarray(0, infoBytes)
      return openGcm(derivedKey(seed, info), data.subarray(infoBytes), context)
    },
  }
}

/** The first block of HKDF-Expand with SHA-256; the seed is random already, so nothing is extracted. Source: RFC 5869 §2.3. */
function derivedKey(seed: Buffer, info: Buffer): Buffer {
  return createHmac('sha256', seed).update(info).update(Buffer.of(1)).digest()
}

/** Refuses what no plugin may give and no server writes, in upstream's words. */
export function checkEncryptedObject(object: EncryptedObject): void {
  const problem = problemOf(object)
  if (problem !== undefined) throw new TransformError(problem)
}

function problemOf(object: EncryptedObject): string | undefined {
  const { encryptedData, encryptedDekSource, encryptedDekSourceType, keyId, annotations } = object
  if (encryptedDekSourceType !== keySource && encryptedDekSourceType !== seedSource) {
    return `unknown encryptedDEKSourceType: ${encryptedDekSourceType}`
  }
  if (encryptedData.length === 0) return 'encrypted data is empty'
  if (encryptedDekSource.length === 0) return 'failed to validate encrypted DEK source: encrypted DEK source is empty'
  if (encryptedDekSource.length > dekSourceMaxBytes) {
    return `failed to validate encrypted DEK source: encrypted DEK source is ${encryptedDekSource.length} bytes, which exceeds the max size of ${dekSourceMaxBytes}`
  }
  const ofKeyId = keyIdProblem(keyId)
  if (ofKeyId !== undefined) return `failed to validate key id: ${ofKeyId.message}`
  const problems = annotationProblems(annotations)
  if (problems.length === 0) return undefined
  return `failed to validate annotations: ${joinErrors(problems)}`
}

/** `code` is the label of upstream's metric. */
export function keyIdProblem(
  keyId: string,
): { readonly code: 'empty' | 'too_long'; readonly message: string } | undefined {
  const bytes = Buffer.byteLength(keyId)
  if (bytes === 0) return { code: 'empty', message: 'keyID is empty' }
  if (bytes <= keyIdMaxBytes) return undefined
  return { code: 'too_long', message: `keyID is ${bytes} bytes, which exceeds the max size of ${keyIdMaxBytes}` }
}

function annotationProblems(annotations: EncryptedObject['annotations']): readonly string[] {
  const entries = Object.entries(annotations)
  const names = entries.flatMap(([name]) =>
    validateFullyQualifiedName('annotations', name).map(({ field, message }) => `${field}: ${message}`),
  )
  const total = entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + value.length, 0)
  if (total <= annotationsMaxBytes) return names
  return [...names, `total size of annotations is ${total}, which exceeds the max size of ${annotationsMaxBytes}`]
}

/** One text per encrypted key. */
export function dekCacheKey({
  encryptedDekSourceType,
  encryptedDekSource,
  keyId,
  annotations,
}: Omit<EncryptedObject, 'encryptedData'>): string {
  const sorted = Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const texts = sorted.map(([name, value]) => [name, value.toString('base64')])
  return JSON.stringify([encryptedDekSourceType, encryptedDekSource.toString('base64'), keyId, texts])
}

/** How key ids are shown: they may tell something. */
export function hashOf(keyId: string): string {
  return keyId === '' ? '' : `sha256:${createHash('sha256').update(keyId).digest('hex')}`
}
