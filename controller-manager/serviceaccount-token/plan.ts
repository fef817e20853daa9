/** Secrets of type `kubernetes.io/service-account-token`: filled with a token, removed with their account. Pure. */
import type { Secret, ServiceAccount } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'

export const tokenType = 'kubernetes.io/service-account-token'
export const nameAnnotation = 'kubernetes.io/service-account.name'
export const uidAnnotation = 'kubernetes.io/service-account.uid'

/** Everything the decision depends on. */
export type Observed = {
  readonly secret: Secret
  readonly account: ServiceAccount | undefined
  /** PEM. */
  readonly rootCa: string | undefined
}
export type Action =
  | { readonly type: 'delete'; readonly secret: Secret }
  /** The token is missing; the rest is put right with it. */
  | { readonly type: 'fill'; readonly secret: Secret; readonly account: ServiceAccount; readonly needsToken: boolean }

/** A Secret that names no account of now is removed. */
export function plan({ secret, account, rootCa }: Observed): Plan<Action> {
  if (secret.type !== tokenType || secret.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const uid = secret.metadata.annotations?.[uidAnnotation] ?? ''
  const isOther = account === undefined || (uid !== '' && uid !== account.metadata.uid)
  if (isOther) return { actions: [{ type: 'delete', secret }] }
  const { token = '', namespace = '', 'ca.crt': ca = '' } = secret.data ?? {}
  const isRight = uid !== '' && token !== '' && namespace !== '' && (rootCa === undefined || ca === base64(rootCa))
  return { actions: isRight ? [] : [{ type: 'fill', secret, account, needsToken: token === '' }] }
}

/** As data of a Secret. */
export function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
