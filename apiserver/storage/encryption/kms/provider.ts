/**
 * A provider of kind `kms`, apiVersion v2: the plugin encrypts a seed, the seed encrypts values, and the encrypted seed is stored
 * with each of them.
 *
 *   Status says which key ──▶ same as ours: ours may be written with for three minutes more
 *                        └──▶ another: a new seed is made and encrypted; if that fails, the old one is written with until it expires
 *
 * Values whose seed was seen before are read without the plugin. Source: KEP-3299.
 */
import { randomUUID } from 'node:crypto'
import { formatTime } from '../../../../apimachinery/time.ts'
import type { Clock } from '../../../../component-base/clock.ts'
import type { Logger } from '../../../../component-base/logger.ts'
import { joinErrors } from '../../../authn/join-errors.ts'
import { TransformError, type Transformer } from '../transformer.ts'
import {
  checkEncryptedObject,
  type Dek,
  dekCacheKey,
  dekOf,
  hashOf,
  keyIdProblem,
  newSeed,
  seedSource,
} from './envelope.ts'
import { type EncryptedObject, encryptedObject, type StatusResponse } from './messages.ts'
import type { KmsMetrics } from './metrics.ts'
import type { KmsPlugin } from './plugin.ts'

/** Source: `kmsv2PluginHealthzPositiveInterval` and its neighbours in upstream's `encryptionconfig/config.go`. */
const goodIntervalMs = 60_000
const badIntervalMs = 10_000
const writeMaxMs = 3 * 60_000
const goodAnswerMs = 20_000
const badAnswerMs = 3_000
/** Each restart of a server makes a seed, each change of key another. */
const mostDeks = 10_000

type State = Omit<EncryptedObject, 'encryptedData'> & { readonly dek: Dek; readonly expiresMs: number }
type Answer = { readonly problem: string | undefined; readonly atMs: number }

export type KmsProviderOptions = {
  readonly name: string
  readonly plugin: KmsPlugin
  readonly clock: Clock
  readonly metrics: KmsMetrics
  /** Told whenever the plugin is found well. */
  readonly onGood: () => void
}

export class KmsProvider {
  readonly transformer: Transformer
  readonly #options: KmsProviderOptions
  readonly #deks = new Map<string, Promise<Dek>>()
  readonly #lifetime = new AbortController()
  #state: State | undefined
  #version = ''
  #last: Answer | undefined
  #checking: Promise<string | undefined> | undefined

  constructor(options: KmsProviderOptions) {
    this.#options = options
    this.transformer = {
      prefix: `k8s:enc:kms:v2:${options.name}:`,
      encrypt: (plain, context) => this.#seal(plain, context),
      decrypt: async (data, context) => await this.#open(data, context),
      isStale: (data) => this.#isStale(data),
    }
  }

  /** `undefined`: the plugin is well and its key is ours. Answers are kept for a while. */
  async check(): Promise<string | undefined> {
    const last = this.#last
    if (last !== undefined) {
      const keptMs = last.problem === undefined ? goodAnswerMs : badAnswerMs
      if (this.#options.clock.now() - last.atMs < keptMs) return last.problem
    }
    this.#checking ??= this.#ask().finally(() => {
      this.#checking = undefined
    })
    return await this.#checking
  }

  /** Keeps the key fresh until `signal` aborts. */
  async run(logger: Logger, signal: AbortSignal): Promise<void> {
    const { name, clock } = this.#options
    for (let problem = await this.check(); ; problem = await this.check()) {
      if (problem !== undefined) logger.error('KMS plugin failed health check probe', { name, problem })
      await clock.sleep(problem === undefined ? goodIntervalMs : badIntervalMs, signal)
    }
  }

  close(): void {
    this.#lifetime.abort(new Error('closed'))
    this.#options.plugin.close()
  }

  async #ask(): Promise<string | undefined> {
    const { name, plugin, clock, onGood } = this.#options
    const problem = await plugin.status().then(
      async (response) => await this.#take(response),
      (error: unknown) =>
        `failed to perform status section of the healthz check for KMS Provider ${name}, error: ${textOf(error)}`,
    )
    this.#last = { problem, atMs: clock.now() }
    if (problem === undefined) onGood()
    return problem
  }

  /** What is wrong with an answer to `Status`; a good one may bring a new key. */
  async #take({ version, healthz, keyId }: StatusResponse): Promise<string | undefined> {
    const { name, clock, metrics } = this.#options
    const problems: string[] = []
    if (healthz !== 'ok') problems.push(`got unexpected healthz status: ${healthz}`)
    if (version !== 'v2' && version !== 'v2beta1') problems.push(`expected KMSv2 API version v2, got ${version}`)
    else {
      this.#version ||= version
      if (this.#version !== version) {
        problems.push(
          `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`,
        )
      }
    }
    const bad = keyIdProblem(keyId)
    if (bad !== undefined) {
      metrics.refused(name, bad.code)
      problems.push(`got invalid KMSv2 KeyID hash "${hashOf(keyId)}": ${bad.message}`)
    } else {
      metrics.named(name, keyId, clock.now())
      const failure = await this.#rotate(keyId)
      if (failure !== undefined) problems.push(failure)
    }
    if (problems.length === 0) return undefined
    return `kmsv2 Provider ${name} is not healthy, error: ${joinErrors(problems)}`
  }

  async #rotate(keyId: string): Promise<string | undefined> {
    const { plugin, clock } = this.#options
    // Counted from before the plugin is asked: it is the longest that a key may be written with unasked.
    const expiresMs = clock.now() + writeMaxMs
    if (this.#state?.keyId === keyId) {
      this.#state = { ...this.#state, expiresMs }
      return undefined
    }
    const seed = newSeed()
    const uid = randomUUID()
    let given = ''
    let problem = '<nil>'
    try {
      const { ciphertext, annotations, ...response } = await plugin.encrypt({ plaintext: seed, uid }).catch((error) => {
        throw new TransformError(`failed to encrypt DEK, error: ${textOf(error)}`)
      })
      given = response.keyId
      const source = {
        keyId: given,
        encryptedDekSource: ciphertext,
        annotations,
        encryptedDekSourceType: seedSource,
      }
      checkEncryptedObject({ ...source, encryptedData: Buffer.of(0) })
      if (given === keyId) {
        const dek = dekOf(seed, seedSource)
        this.#state = { ...source, dek, expiresMs }
        this.#keep(dekCacheKey(source), Promise.resolve(dek))
        return undefined
      }
    } catch (error) {
      problem = textOf(error)
    }
    return this.#rotationProblem({ uid, problem, keyId, given })
  }

  #rotationProblem(facts: Readonly<Record<'uid' | 'problem' | 'keyId' | 'given', string>>): string {
    const { uid, problem, keyId, given } = facts
    const state = this.#state
    const ofState = state === undefined ? noTransformer : '<nil>'
    const expires = state === undefined ? '0001-01-01T00:00:00Z' : formatTime(state.expiresMs)
    return `failed to rotate DEK uid="${uid}", useSeed=true, errState=${ofState}, errGen=${problem}, statusKeyIDHash="${hashOf(keyId)}", encryptKeyIDHash="${hashOf(given)}", stateKeyIDHash="${hashOf(state?.keyId ?? '')}", expirationTimestamp=${expires}`
  }

  #seal(plain: Buffer, context: string): Buffer {
    const { name, clock, metrics } = this.#options
    const { dek, expiresMs, ...source } = this.#current()
    const nowMs = clock.now()
    if (nowMs > expiresMs) {
      throw new TransformError(
        `encryptedDEKSource with keyID hash "${hashOf(source.keyId)}" expired at ${formatTime(expiresMs)} (current time is ${formatTime(nowMs)})`,
      )
    }
    metrics.used(name, 'to_storage', source.keyId, nowMs)
    return encryptedObject.encode({ ...source, encryptedData: dek.seal(plain, context) })
  }

  async #open(data: Buffer, context: string): Promise<Buffer> {
    const { name, clock, metrics } = this.#options
    const object = decode(data)
    this.#current()
    const dek = await this.#dekOf(object)
    metrics.used(name, 'from_storage', object.keyId, clock.now())
    return dek.open(object.encryptedData, context)
  }

  #isStale(data: Buffer): boolean {
    const { keyId, encryptedDekSourceType } = decode(data)
    return keyId !== this.#state?.keyId || encryptedDekSourceType !== seedSource
  }

  /** As upstream, nothing is read before the plugin has answered once. */
  #current(): State {
    if (this.#state === undefined) throw new TransformError(noTransformer, { passes: true })
    return this.#state
  }

  async #dekOf(object: EncryptedObject): Promise<Dek> {
    const key = dekCacheKey(object)
    const known = this.#deks.get(key)
    if (known !== undefined) return await known
    const asked = this.#askPlugin(object)
    this.#keep(key, asked)
    // A list of many values asks once while the plugin is away, and again a little later.
    asked.catch(async () => {
      await this.#options.clock.sleep(badAnswerMs, this.#lifetime.signal).catch(() => {})
      this.#deks.delete(key)
    })
    return await asked
  }

  async #askPlugin({ encryptedDekSource, encryptedDekSourceType, keyId, annotations }: EncryptedObject): Promise<Dek> {
    const request = { ciphertext: encryptedDekSource, uid: randomUUID(), keyId, annotations }
    const { plaintext } = await this.#options.plugin.decrypt(request).catch((error: unknown) => {
      throw new TransformError(`failed to decrypt DEK, error: ${textOf(error)}`, { passes: true })
    })
    return dekOf(plaintext, encryptedDekSourceType)
  }

  #keep(key: string, dek: Promise<Dek>): void {
    const [oldest] = this.#deks.keys()
    if (this.#deks.size >= mostDeks && oldest !== undefined) this.#deks.delete(oldest)
    this.#deks.set(key, dek)
  }
}

const noTransformer = 'got unexpected nil transformer'

function decode(data: Buffer): EncryptedObject {
  let object: EncryptedObject
  try {
    object = encryptedObject.decode(data)
  } catch (error) {
    throw new TransformError(`proto: ${textOf(error)}`)
  }
  checkEncryptedObject(object)
  return object
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
