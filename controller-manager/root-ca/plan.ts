/** Every namespace has a ConfigMap with the CA by which pods know the API server. Pure. */
import type { ConfigMap, Namespace } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isSame } from '../pod/canonical-json.ts'

export const rootCaName = 'kube-root-ca.crt'
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal ' +
  'service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

export type Observed = {
  readonly namespace: Namespace
  readonly configMap: ConfigMap | undefined
  readonly rootCa: string
}
export type Action =
  | { readonly type: 'create'; readonly draft: Draft<'core.v1.ConfigMap'> }
  | { readonly type: 'update'; readonly configMap: ConfigMap }

/** Makes the ConfigMap, or puts right what somebody changed. */
export function plan({ namespace, configMap, rootCa }: Observed): Plan<Action> {
  if (namespace.status.phase === 'Terminating' || namespace.metadata.deletionTimestamp !== undefined) {
    return { actions: [] }
  }
  const data = { 'ca.crt': rootCa }
  const annotations = { ...configMap?.metadata.annotations, 'kubernetes.io/description': description }
  if (configMap === undefined) {
    const metadata = { name: rootCaName, namespace: namespace.metadata.name, annotations }
    return { actions: [{ type: 'create', draft: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data } }] }
  }
  if (isSame(configMap.data, data) && isSame(configMap.metadata.annotations, annotations)) return { actions: [] }
  const metadata = { ...configMap.metadata, annotations }
  return { actions: [{ type: 'update', configMap: { ...configMap, metadata, data } }] }
}
