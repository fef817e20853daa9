import { describe, expect, it } from 'vitest'
import { readerOf } from '../registry/plain-reader.ts'
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionRequest } from './admission.ts'
import { nodeDeclaredFeatures } from './node-declared-features.ts'

const podLevel = 'InPlacePodLevelResourcesVerticalScaling'
const initContainers = 'InPlacePodVerticalScalingInitContainers'
const cpu = (value: string): object => ({ requests: { cpu: value } })
const init = (value: string, more: object = {}): object => ({
  initContainers: [{ name: 'i', resources: cpu(value), ...more }],
})

/** What is said to an update of a pod on a node with these features. */
function answer(spec: object, old: object, declaredFeatures: readonly string[], more: object = {}): string {
  const node = { kind: 'Node', apiVersion: 'v1', metadata: { name: 'one' }, status: { declaredFeatures } }
  const pod = (own: object, generation: number): object => ({
    metadata: { name: 'p', namespace: 'n', generation },
    spec: { nodeName: 'one', containers: [], ...own },
  })
  const request = {
    operation: 'UPDATE',
    resource: { facts: kinds.pods.facts },
    subresource: 'resize',
    namespace: 'n',
    name: 'p',
    object: pod(spec, 2),
    oldObject: pod(old, 1),
    ...more,
  } as unknown as AdmissionRequest
  try {
    void nodeDeclaredFeatures(readerOf([node])).validate?.(request, new AbortController().signal)
    return 'admitted'
  } catch (error) {
    return (error as Error).message
  }
}

describe('nodeDeclaredFeatures()', () => {
  it.each<[string, object, object, readonly string[], string]>([
    ['nothing that needs a feature', {}, {}, [], 'admitted'],
    ['a first resource of the pod', { resources: cpu('1') }, {}, [], podLevel],
    ['another resource of the pod', { resources: cpu('2') }, { resources: cpu('1') }, [initContainers], podLevel],
    ['another resource on a node that can', { resources: cpu('2') }, { resources: cpu('1') }, [podLevel], 'admitted'],
    ['a larger init container', init('2'), init('1'), [], initContainers],
    [
      'a larger sidecar',
      init('2', { restartPolicy: 'Always' }),
      init('1', { restartPolicy: 'Always' }),
      [],
      'admitted',
    ],
    ['both', { ...init('2'), resources: cpu('2') }, init('1'), [], `${podLevel}, ${initContainers}`],
    ['a pod without a node', { nodeName: '', resources: cpu('2') }, {}, [], 'admitted'],
  ])('judges %s', (_, spec, old, declared, expected) => {
    const refusal = `pods "p" is forbidden: pod update requires features ${expected} which are not available on node "one"`
    expect(answer(spec, old, declared)).toBe(expected === 'admitted' ? expected : refusal)
  })

  it('wants the node to be there', () => {
    const message = 'pods "p" is forbidden: node "two" not found'
    expect(answer({ nodeName: 'two', resources: cpu('2') }, {}, [])).toBe(message)
  })

  it.each([{ subresource: 'status' }, { operation: 'CREATE' }])('does not judge %o', (more) => {
    expect(answer({ resources: cpu('2') }, {}, [], more)).toBe('admitted')
  })
})
