/** The providers of one version of the configuration file: made together, asked together, let go of together. */
import type { Clock } from '../../../../component-base/clock.ts'
import { linkSignals } from '../../../../component-base/linked-signal.ts'
import type { Logger } from '../../../../component-base/logger.ts'
import { aborted } from '../../../../component-base/run.ts'
import type { Transformer } from '../transformer.ts'
import type { KmsMetrics } from './metrics.ts'
import { connectKmsPlugin, type KmsSettings } from './plugin.ts'
import { KmsProvider } from './provider.ts'

export type KmsEnvironment = {
  readonly clock: Clock
  readonly metrics: KmsMetrics
  readonly logger: Logger
  /** Told whenever a plugin is found well. */
  readonly onGood: () => void
}

export class KmsProviderSet {
  readonly #environment: KmsEnvironment
  readonly #providers: KmsProvider[] = []
  readonly #replaced = new AbortController()
  #timeoutsMs = 0

  constructor(environment: KmsEnvironment) {
    this.#environment = environment
  }

  get isEmpty(): boolean {
    return this.#providers.length === 0
  }

  /** Makes the transformer of one provider of the file. */
  add(settings: KmsSettings): Transformer {
    const { clock, metrics, onGood } = this.#environment
    const plugin = connectKmsPlugin(settings, clock, metrics)
    const provider = new KmsProvider({ name: settings.name, plugin, clock, metrics, onGood })
    this.#providers.push(provider)
    this.#timeoutsMs += settings.timeoutMs
    return provider.transformer
  }

  /** The first plugin that is not well says why; one after the other, as upstream asks them. */
  async check(): Promise<string | undefined> {
    for (const provider of this.#providers) {
      const problem = await provider.check()
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Keeps keys fresh until `signal` aborts or the set is replaced. */
  async run(signal: AbortSignal): Promise<void> {
    const { signal: either, unlink } = linkSignals([signal, this.#replaced.signal])
    try {
      const { logger } = this.#environment
      const loops = this.#providers.map((provider) => provider.run(logger, either).catch(endOf(either)))
      await Promise.all([aborted(either), ...loops])
    } finally {
      unlink()
    }
  }

  /** Calls that are under way may end first. Source: upstream's `KMSCloseGracePeriod`. */
  async replace(signal: AbortSignal): Promise<void> {
    this.#replaced.abort(new Error('the configuration was replaced'))
    await this.#environment.clock.sleep(2 * this.#timeoutsMs, signal).catch(endOf(signal))
    this.close()
  }

  close(): void {
    for (const provider of this.#providers) provider.close()
  }
}

/** An abort is how loops end; anything else is a fault. */
function endOf(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error
  }
}
