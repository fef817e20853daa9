/** TaintNodesByCondition: a new node takes no pods until the node lifecycle controller has seen it ready. */
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { asApiObject, isAbout, newObject, unchanged } from './request.ts'

const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const

/** The plugin. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate: (request) => {
    const isCreate = request.operation === 'CREATE' && isAbout(request, kinds.nodes)
    const node = isCreate ? newObject(request, kinds.nodes) : undefined
    if (node === undefined) return unchanged(request)
    const taints = node.spec?.taints ?? []
    if (taints.some(({ key, effect }) => key === taint.key && effect === taint.effect)) return unchanged(request)
    return asApiObject({ ...node, spec: { ...node.spec, taints: [...taints, taint] } })
  },
}
