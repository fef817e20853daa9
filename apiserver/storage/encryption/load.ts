/** The configuration file, read at the start and, when asked to, again when it changes. Source: KEP-3299. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { EncryptionConfigurationError, parseEncryptionConfiguration } from './configuration.ts'
import { type KmsEnvironment, KmsProviderSet } from './kms/provider-set.ts'
import { createChainFinder, type GroupResource } from './resources.ts'
import type { TransformerChain } from './transformer.ts'

/** Source: upstream's `EncryptionConfigFileChangePollDuration`. */
const lookEveryMs = 60_000

/** The configuration in force. */
export type EncryptionConfiguration = {
  readonly chain: (resource: GroupResource) => TransformerChain | undefined
  /** What the plugins are asked for `kms-providers`; absent where there are none and none can come. */
  readonly check?: () => Promise<string | undefined>
  /**
   * Keeps the keys of plugins fresh and, where asked to, takes the file's new content; a file that cannot be used, and one whose
   * plugins are not well, changes nothing and is told in the log.
   */
  readonly run: (signal: AbortSignal) => Promise<void>
}
export type LoadOptions = KmsEnvironment & {
  readonly file: string
  /** `--encryption-provider-config-automatic-reload`. */
  readonly isReloaded: boolean
}

type Loaded = {
  readonly text: string
  readonly find: ReturnType<typeof createChainFinder>
  readonly plugins: KmsProviderSet
}

/** Reads the file; plugins are asked once, but need not be there yet. Throws `EncryptionConfigurationError`. */
export async function loadEncryptionConfiguration(options: LoadOptions): Promise<EncryptionConfiguration> {
  let loaded = load(await readText(options.file), options)
  const problem = await loaded.plugins.check()
  if (problem !== undefined) options.logger.error('KMS plugin failed health check probe', { problem })
  const hasCheck = options.isReloaded || !loaded.plugins.isEmpty
  return {
    chain: (resource) => loaded.find(resource),
    ...(hasCheck ? { check: async () => await loaded.plugins.check() } : {}),
    run: async (signal) => {
      const tend = async (): Promise<void> => {
        while (!signal.aborted) await loaded.plugins.run(signal)
      }
      const follow = async (): Promise<void> => {
        for (;;) {
          await options.clock.sleep(lookEveryMs, signal)
          const next = await changed(loaded, options)
          if (next === undefined) continue
          const old = loaded.plugins
          loaded = next
          options.onGood()
          // Waits for calls that are under way, or for the end; it does not reject.
          void old.replace(signal)
        }
      }
      try {
        await Promise.all([tend(), ...(options.isReloaded ? [follow()] : [])])
      } finally {
        loaded.plugins.close()
      }
    },
  }
}

/** The file's new content, where there is any and it can be used. */
async function changed(loaded: Loaded, options: LoadOptions): Promise<Loaded | undefined> {
  const { file, logger } = options
  try {
    const text = await readText(file)
    if (text === loaded.text) return undefined
    const next = load(text, options)
    const problem = await next.plugins.check()
    if (problem !== undefined) {
      next.plugins.close()
      throw new EncryptionConfigurationError(problem)
    }
    logger.info('Loaded new encryption config content', { file })
    return next
  } catch (error) {
    logger.error('Could not take the encryption config file', { file, error })
    return undefined
  }
}

function load(text: string, environment: KmsEnvironment): Loaded {
  const plugins = new KmsProviderSet(environment)
  const rules = parseEncryptionConfiguration(parse(text), (settings) => plugins.add(settings))
  return { text, find: createChainFinder(rules), plugins }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new EncryptionConfigurationError(`error while parsing file: ${String(error)}`, { cause: error })
  }
}
