import type { Logger } from '../../component-base/logger.ts'
import type { Store } from '../registry/store.ts'
import type { SecretLabeller } from './legacy-token.ts'
import { loopbackUser } from './user.ts'

/** Writes labels on Secrets beside the request that gave rise to them; a failure is logged and tried at the next use. */
export function labelSecrets(store: Pick<Store, 'resource' | 'update'>, logger: Logger): SecretLabeller {
  const signal = new AbortController().signal
  const underWay = new Set<string>()
  return (secret, labels) => {
    const resource = store.resource('', 'secrets')
    const { namespace = '', name, uid } = secret.metadata
    if (resource === undefined || underWay.has(uid)) return
    underWay.add(uid)
    store
      .update(
        resource,
        { namespace, name },
        (current) => {
          if (current.metadata.uid !== uid) return current
          return { ...current, metadata: { ...current.metadata, labels: { ...current.metadata.labels, ...labels } } }
        },
        { user: loopbackUser },
        signal,
      )
      .catch((error: unknown) => logger.error('Could not label a token with the date of its use', { name, error }))
      .finally(() => underWay.delete(uid))
  }
}
