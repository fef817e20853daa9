/** The providers whose keys stand in the configuration file. */
import { type CipherGCM, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { openSecretbox, sealSecretbox, secretboxNonceBytes, secretboxTagBytes } from './secretbox.ts'
import { TransformError, type Transformer } from './transformer.ts'

const blockBytes = 16
const gcmNonceBytes = 12
const gcmTagBytes = 16

/** AES in CBC mode with PKCS#7 padding: initialization vector, then ciphertext. Not authenticated. */
export function aesCbc(name: string, key: Buffer): Transformer {
  const algorithm = `aes-${key.length * 8}-cbc`
  return {
    prefix: `k8s:enc:aescbc:v1:${name}:`,
    encrypt: (plain) => {
      const iv = randomBytes(blockBytes)
      const cipher = createCipheriv(algorithm, key, iv)
      return Buffer.concat([iv, cipher.update(plain), cipher.final()])
    },
    decrypt: (data) => {
      if (data.length < blockBytes) throw tooShort()
      if (data.length % blockBytes !== 0) {
        throw new TransformError('the stored data is not a multiple of the block size')
      }
      const decipher = createDecipheriv(algorithm, key, data.subarray(0, blockBytes))
      const first = decipher.update(data.subarray(blockBytes))
      try {
        return Buffer.concat([first, decipher.final()])
      } catch {
        throw new TransformError('invalid padding on input')
      }
    },
  }
}

/** AES in GCM mode with a random nonce: nonce, ciphertext, tag. The etcd key is authenticated with it. */
export function aesGcm(name: string, key: Buffer): Transformer {
  return {
    prefix: `k8s:enc:aesgcm:v1:${name}:`,
    encrypt: (plain, context) => sealGcm(key, plain, context),
    decrypt: (data, context) => openGcm(key, data, context),
  }
}

/** Nonce, ciphertext, tag. */
export function sealGcm(key: Buffer, plain: Buffer, context: string): Buffer {
  const nonce = randomBytes(gcmNonceBytes)
  // The names that Node's types know, for keys of any of the three sizes.
  const cipher = createCipheriv(`aes-${key.length * 8}-gcm`, key, nonce) as CipherGCM
  cipher.setAAD(Buffer.from(context))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Opens what `sealGcm` made. */
export function openGcm(key: Buffer, data: Buffer, context: string): Buffer {
  if (data.length < gcmNonceBytes + gcmTagBytes) throw tooShort()
  const nonce = data.subarray(0, gcmNonceBytes)
  const options = { authTagLength: gcmTagBytes }
  const decipher = createDecipheriv(`aes-${key.length * 8}-gcm` as 'aes-256-gcm', key, nonce, options)
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(data.subarray(-gcmTagBytes))
  try {
    return Buffer.concat([decipher.update(data.subarray(gcmNonceBytes, -gcmTagBytes)), decipher.final()])
  } catch {
    throw new TransformError('cipher: message authentication failed')
  }
}

/** XSalsa20 with Poly1305: nonce, tag, ciphertext. */
export function secretbox(name: string, key: Buffer): Transformer {
  return {
    prefix: `k8s:enc:secretbox:v1:${name}:`,
    encrypt: (plain) => {
      const nonce = randomBytes(secretboxNonceBytes)
      return Buffer.concat([nonce, sealSecretbox(plain, nonce, key)])
    },
    decrypt: (data) => {
      if (data.length < secretboxNonceBytes + secretboxTagBytes) throw tooShort()
      const plain = openSecretbox(data.subarray(secretboxNonceBytes), data.subarray(0, secretboxNonceBytes), key)
      // Upstream's words, although the key is what is wrong.
      if (plain === undefined) throw new TransformError('output array was not large enough for encryption')
      return plain
    },
  }
}

function tooShort(): TransformError {
  return new TransformError('the stored data was shorter than the required size')
}
