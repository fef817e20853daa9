/**
 * PodNodeSelector: the pods of a namespace go where its annotation says. Off by default. Of the plugin's file, which this
 * server does not read, nothing is taken: there are no cluster-wide defaults and no lists of allowed labels.
 */
import type { Namespace } from '../../api/core/v1.ts'
import { notFound } from '../../apimachinery/status.ts'
import { find, kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { asApiObject, isAbout, newObject, refuse, unchanged } from './request.ts'

const annotation = 'scheduler.alpha.kubernetes.io/node-selector'
type Labels = Readonly<Record<string, string>>

/** The plugin. */
export function podNodeSelector(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'PodNodeSelector',
    concerns: (request) => request.operation === 'CREATE' && isAbout(request, kinds.pods),
    mutate: async (request, signal) => {
      const pod = newObject(request, kinds.pods)
      if (pod === undefined) return unchanged(request)
      const namespace = await find(lookup, kinds.namespaces, '', request.namespace, signal)
      if (namespace === undefined) throw notFound(kinds.namespaces.facts, request.namespace)
      const wanted = selectorOf(request, namespace)
      const own = pod.spec.nodeSelector ?? {}
      if (Object.entries(wanted).some(([key, value]) => own[key] !== undefined && own[key] !== value)) {
        throw refuse(request, 'pod node label selector conflicts with its namespace node label selector')
      }
      const nodeSelector = { ...wanted, ...own }
      if (Object.keys(nodeSelector).length === 0) return unchanged(request)
      return asApiObject({ ...pod, spec: { ...pod.spec, nodeSelector } })
    },
  }
}

/** `a=b,c=d`. Source: `labels.ConvertSelectorToLabelsMap`. */
function selectorOf(request: AdmissionRequest, { metadata }: Namespace): Labels {
  const terms = (metadata.annotations?.[annotation] ?? '').split(',').filter((term) => term !== '')
  const pairs = terms.map((term) => {
    const [key = '', value, ...rest] = term.split('=').map((part) => part.trim())
    if (value === undefined || rest.length > 0) throw refuse(request, `invalid selector: ${term}`)
    return [key, value] as const
  })
  return Object.fromEntries(pairs)
}
