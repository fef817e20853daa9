/** DefaultTolerationSeconds: a pod stays five minutes on a node that is not ready or not reachable. */
import type { Pod, Toleration } from '../../api/core/v1.ts'
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { asApiObject, isAbout, newObject, unchanged } from './request.ts'

const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const

/** Seconds for each of the two taints; upstream's flags `--default-not-ready-toleration-seconds` and `…-unreachable-…`. */
export type TolerationSeconds = { readonly notReady: number; readonly unreachable: number }

/** The plugin. */
export function defaultTolerationSeconds(
  seconds: TolerationSeconds = { notReady: 300, unreachable: 300 },
): AdmissionPlugin {
  return {
    name: 'DefaultTolerationSeconds',
    mutate: (request) => {
      const pod = isAbout(request, kinds.pods) ? newObject(request, kinds.pods) : undefined
      return pod === undefined ? unchanged(request) : asApiObject(withTolerations(pod, seconds))
    },
  }
}

/** Adds the tolerations that the pod does not have already, in any form. */
export function withTolerations(pod: Pod, { notReady, unreachable }: TolerationSeconds): Pod {
  const present = pod.spec.tolerations ?? []
  const added = [
    { key: taints[0], tolerationSeconds: notReady },
    { key: taints[1], tolerationSeconds: unreachable },
  ]
    .filter(({ key }) => !present.some((toleration) => covers(toleration, key)))
    .map((toleration): Toleration => ({ ...toleration, operator: 'Exists', effect: 'NoExecute' }))
  return added.length === 0 ? pod : { ...pod, spec: { ...pod.spec, tolerations: [...present, ...added] } }
}

function covers({ key = '', effect = '' }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (effect === 'NoExecute' || effect === '')
}
