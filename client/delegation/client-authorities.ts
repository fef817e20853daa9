/** Who signs client certificates in this cluster, as the API server publishes it. */
import { hasReason } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Client } from '../rest/client.ts'
import { configMaps } from '../rest/resource-refs.ts'

const namespace = 'kube-system'
const name = 'extension-apiserver-authentication'
/** Authorities change rarely. */
const everyMs = 60_000
const retryMs = 5_000

export type FollowOptions = { readonly client: Client; readonly clock: Clock; readonly logger: Logger }

/** Tells of the PEM bundle and of every change of it, until `signal` aborts; an API server that is away is waited for. */
export async function followClientAuthorities(
  { client, clock, logger }: FollowOptions,
  apply: (pem: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let known = ''
  for (;;) {
    let waitMs = everyMs
    try {
      const { data } = await client.get(configMaps, { namespace, name }, signal)
      const pem = data?.['client-ca-file'] ?? ''
      if (pem !== '' && pem !== known) apply(pem)
      known = pem
    } catch (error) {
      signal.throwIfAborted()
      waitMs = retryMs
      if (!hasReason(error, 'NotFound'))
        logger.error('Could not read the authorities of client certificates', { error })
    }
    await clock.sleep(waitMs, signal)
  }
}
