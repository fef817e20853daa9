/**
 * Certificates from Secrets, by the name that a client asks for (SNI). A context is made anew only when its Secret changes, and
 * connections that are open keep theirs.
 */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Secret } from '../../api/core/v1.ts'
import type { KeyPair } from '../../component-base/tls.ts'
import { parentHost } from '../table/paths.ts'
import type { IngressProblem, TlsEntry } from '../table/table.ts'

type Made =
  | { readonly type: 'good'; readonly context: SecureContext; readonly pair: KeyPair; readonly expiresSeconds: number }
  | { readonly type: 'bad'; readonly reason: string; readonly message: string }
type Remembered = { readonly version: string; readonly made: Made }

/** Follows the table and its Secrets. */
export class Certificates {
  readonly #own: KeyPair
  #default: { readonly context: SecureContext; readonly pair: KeyPair }
  #onDefault: (pair: KeyPair) => void = () => {}
  #remembered = new Map<string, Remembered>()
  #hosts = new Map<string, SecureContext>()
  #expiries = new Map<string, number>()

  /** `own` is served where nothing else fits. */
  constructor(own: KeyPair) {
    this.#own = own
    this.#default = { pair: own, context: createSecureContext(own) }
  }

  /** Takes a new table in; tells what is wrong with it. `fallback` names the Secret that is served instead of our own. */
  update(
    entries: readonly TlsEntry[],
    secret: (key: string) => Secret | undefined,
    fallback?: string,
  ): readonly IngressProblem[] {
    const remembered = new Map<string, Remembered>()
    const hosts = new Map<string, SecureContext>()
    const expiries = new Map<string, number>()
    const problems: IngressProblem[] = []
    const contextOf = (key: string): Made => {
      const made = remembered.get(key) ?? this.#make(key, secret(key))
      remembered.set(key, made)
      return made.made
    }
    let first = fallback === undefined ? undefined : contextOf(fallback)
    for (const { ingress, secret: key, host } of entries) {
      const made = contextOf(key)
      if (made.type === 'bad') problems.push({ ingress, reason: made.reason, message: made.message })
      else {
        hosts.set(host, made.context)
        expiries.set(host, made.expiresSeconds)
        if (host === '') first ??= made
      }
    }
    this.#setDefault(first?.type === 'good' ? first.pair : this.#own)
    this.#remembered = remembered
    this.#hosts = hosts
    this.#expiries = expiries
    return problems
  }

  /** The context for a name: exact, then wildcard, then the default. */
  contextFor(serverName: string): SecureContext {
    const host = serverName.toLowerCase().replace(/\.$/, '')
    const parent = parentHost(host)
    const wildcard = parent === '' ? undefined : this.#hosts.get(`*.${parent}`)
    return this.#hosts.get(host) ?? wildcard ?? this.#default.context
  }

  /** Told of the default certificate now and whenever it changes: clients that name no host get it before anybody is asked. */
  onDefault(listener: (pair: KeyPair) => void): void {
    this.#onDefault = listener
    listener(this.#default.pair)
  }

  expiries(): ReadonlyMap<string, number> {
    return this.#expiries
  }

  #setDefault(pair: KeyPair): void {
    if (this.#default.pair === pair) return
    this.#default = { pair, context: createSecureContext(pair) }
    this.#onDefault(pair)
  }

  #make(key: string, secret: Secret | undefined): Remembered {
    const version = secret === undefined ? '' : `${secret.metadata.uid} ${secret.metadata.resourceVersion}`
    const before = this.#remembered.get(key)
    return before?.version === version ? before : { version, made: make(key, secret) }
  }
}

function make(key: string, secret: Secret | undefined): Made {
  if (secret === undefined) return { type: 'bad', reason: 'SecretNotFound', message: `secret "${key}" not found` }
  const [cert, privateKey] = ['tls.crt', 'tls.key'].map((name) => secret.data?.[name])
  if (cert === undefined || privateKey === undefined) {
    return { type: 'bad', reason: 'InvalidCertificate', message: `secret "${key}" has no tls.crt and tls.key` }
  }
  try {
    const [pem, keyPem] = [cert, privateKey].map((text) => Buffer.from(text, 'base64').toString('latin1'))
    const pair = { cert: pem ?? '', key: keyPem ?? '' }
    const expiresSeconds = Date.parse(new X509Certificate(pair.cert).validTo) / 1_000
    return { type: 'good', context: createSecureContext(pair), pair, expiresSeconds }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { type: 'bad', reason: 'InvalidCertificate', message: `secret "${key}" has no usable certificate: ${why}` }
  }
}
