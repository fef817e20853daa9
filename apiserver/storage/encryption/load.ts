/** The configuration file, read at the start and, when asked to, again when it changes. Source: KEP-3299. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import type { Clock } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logger.ts'
import { EncryptionConfigurationError, parseEncryptionConfiguration } from './configuration.ts'
import { createChainFinder, type GroupResource } from './resources.ts'
import type { TransformerChain } from './transformer.ts'

/** Source: upstream's `EncryptionConfigFileChangePollDuration`. */
const lookEveryMs = 60_000

/** The configuration in force. */
export type EncryptionConfiguration = {
  readonly chain: (resource: GroupResource) => TransformerChain | undefined
  /** Takes the file's new content; a file that cannot be used changes nothing and is told in the log. */
  readonly run: (options: { readonly clock: Clock; readonly logger: Logger }, signal: AbortSignal) => Promise<void>
}

/** Reads the file. Throws `EncryptionConfigurationError`. */
export async function loadEncryptionConfiguration(file: string): Promise<EncryptionConfiguration> {
  let text = await readText(file)
  let find = finderOf(text)
  const take = async (): Promise<boolean> => {
    const changed = await readText(file)
    if (changed === text) return false
    find = finderOf(changed)
    text = changed
    return true
  }
  return {
    chain: (resource) => find(resource),
    run: async ({ clock, logger }, signal) => {
      for (;;) {
        await clock.sleep(lookEveryMs, signal)
        try {
          if (await take()) logger.info('Loaded new encryption config content', { file })
        } catch (error) {
          logger.error('Could not take the encryption config file', { file, error })
        }
      }
    },
  }
}

function finderOf(text: string): ReturnType<typeof createChainFinder> {
  return createChainFinder(parseEncryptionConfiguration(parse(text)))
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new EncryptionConfigurationError(`error while parsing file: ${String(error)}`, { cause: error })
  }
}
