/** The keys that sign and verify service-account tokens, and what is published about them. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'

/** A public key that tokens are verified with. */
export type VerificationKey = { readonly id: string; readonly algorithm: SigningAlgorithm; readonly key: KeyObject }
/** The private key that new tokens are signed with. */
export type SigningKey = { readonly id: string; readonly algorithm: SigningAlgorithm; readonly key: KeyObject }
type SigningAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512'

const curves: Readonly<Record<string, SigningAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

/** Reads the first private key of a PEM text. */
export function parseSigningKey(pem: string): SigningKey {
  const key = createPrivateKey(pem)
  const publicKey = createPublicKey(key)
  return { id: keyId(publicKey), algorithm: algorithmOf(publicKey), key }
}

/** Reads every key of PEM texts; of private keys the public half is taken. Each key once. */
export function parseVerificationKeys(pems: readonly string[]): readonly VerificationKey[] {
  const blocks = pems.flatMap((pem) => pem.match(/-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----/g) ?? [])
  const keys = blocks
    .filter((block) => !block.includes('EC PARAMETERS'))
    .map((block) => {
      const key = createPublicKey(block)
      return { id: keyId(key), algorithm: algorithmOf(key), key }
    })
  return [...new Map(keys.map((key) => [key.id, key])).values()]
}

/** The `kid` of upstream: the hash of the public key. */
function keyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('base64url')
}

function algorithmOf(key: KeyObject): SigningAlgorithm {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  const algorithm = curves[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (algorithm === undefined) throw new TypeError(`unsupported service account key type ${key.asymmetricKeyType}`)
  return algorithm
}

/** The document at `/.well-known/openid-configuration`. */
export function discoveryDocument(issuer: string, jwksUri: string, keys: readonly VerificationKey[]): object {
  return {
    issuer,
    jwks_uri: jwksUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))].toSorted(),
  }
}

/** The document at `/openid/v1/jwks`. */
export function keySetDocument(keys: readonly VerificationKey[]): object {
  return {
    keys: keys.map(({ id, algorithm, key }) => ({
      use: 'sig',
      kid: id,
      alg: algorithm,
      ...key.export({ format: 'jwk' }),
    })),
  }
}
