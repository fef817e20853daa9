/** The legacy service account token controller: tokens that do not end, for those who still ask for them. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Secret, ServiceAccount } from '../../api/core/v1.ts'
import { namespacedName } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { serviceAccounts as accountsRef, secrets as secretsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown, withIndex } from '../informers.ts'
import { type Action, base64, nameAnnotation, plan, tokenType, uidAnnotation } from './plan.ts'

const accountIndex = 'tokensOfAccount'

/** Wires the controller. It runs only where `--service-account-private-key-file` names a key. */
export function startServiceAccountTokenController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const accounts = informers.of(accountsRef)
  const secrets = withIndex(informers.of(secretsRef), accountIndex, ({ type, metadata }) => {
    const name = metadata.annotations?.[nameAnnotation]
    return type === tokenType && name !== undefined ? [`${metadata.namespace}/${name}`] : []
  })
  const queue = newQueue(context)
  enqueueChanges(secrets, queue)
  accounts.onChange(({ object: { metadata } }) => {
    for (const secret of secrets.byIndex(accountIndex, `${metadata.namespace}/${metadata.name}`)) {
      queue.add(namespacedName(secret.metadata.namespace, secret.metadata.name))
    }
  })
  const key = createPrivateKey(config.serviceAccountKey ?? '')
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    const { secret } = action
    const { namespace = '', name } = secret.metadata
    try {
      if (action.type === 'delete') {
        await client.delete(secretsRef, { namespace, name }, { preconditions: { uid: secret.metadata.uid } }, signal)
        return
      }
      const token = action.needsToken ? { token: base64(await legacyToken(key, secret, action.account)) } : {}
      const ca = config.rootCa === undefined ? {} : { 'ca.crt': base64(config.rootCa) }
      const data = { ...secret.data, namespace: base64(namespace), ...token, ...ca }
      const annotations = { ...secret.metadata.annotations, [uidAnnotation]: action.account.metadata.uid }
      const filled = { ...secret, metadata: { ...secret.metadata, annotations }, data }
      await whenShown(secrets, await client.update(secretsRef, filled, signal), signal)
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
    }
  }
  return controllerTask(
    [accounts, secrets],
    {
      name: 'serviceaccount-token',
      queue,
      observe: (at) => {
        const secret = secrets.get(at)
        const name = secret?.metadata.annotations?.[nameAnnotation] ?? ''
        if (secret === undefined) return undefined
        return { secret, account: accounts.get(`${secret.metadata.namespace}/${name}`), rootCa: config.rootCa }
      },
      plan,
      apply,
      report: reportTo(logger, 'serviceaccount-token'),
    },
    config.concurrentSyncs.serviceaccountToken,
  )
}

/** The claims of the tokens of old: no audience and no end, valid as long as the Secret is there. */
async function legacyToken(key: KeyObject, secret: Secret, account: ServiceAccount): Promise<string> {
  const { namespace = '', name } = secret.metadata
  const prefix = 'kubernetes.io/serviceaccount'
  const claims = {
    iss: 'kubernetes/serviceaccount',
    [`${prefix}/namespace`]: namespace,
    [`${prefix}/secret.name`]: name,
    [`${prefix}/service-account.name`]: account.metadata.name,
    [`${prefix}/service-account.uid`]: account.metadata.uid,
    sub: `system:serviceaccount:${namespace}:${account.metadata.name}`,
  }
  const kid = keyId(key)
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256'
  return await new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(key)
}

/** The hash of the public key, by which the API server finds it. */
function keyId(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('base64url')
}
