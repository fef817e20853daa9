import { readFile } from 'node:fs/promises'

/** PEM texts of a certificate chain and its private key. */
export type KeyPair = { readonly cert: string; readonly key: string }

/** Reads a certificate and key from PEM files. */
export async function readKeyPair(certFile: string, keyFile: string): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  return { cert, key }
}
