import { expect, test } from 'vitest'
import { container, pod } from '../../test/fixtures/kubelet-pod.ts'
import { type AdmissionFacts, admitPod, podRequests } from './admission.ts'

const asking = (requests: Record<string, string>, more = {}) =>
  pod({ containers: [container('c', { resources: { requests } })], ...more })
const facts = (more: Partial<AdmissionFacts> = {}): AdmissionFacts => ({
  node: {
    metadata: {
      name: 'n1',
      uid: 'n',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { disk: 'ssd' },
    },
    spec: {},
  },
  allocatable: { cpu: '2', memory: '1Gi', pods: '2' },
  others: [],
  ...more,
})

const table = [
  { name: 'lets a small pod in', pod: asking({ cpu: '1' }), facts: facts(), want: undefined },
  {
    name: 'refuses more processor than is left',
    pod: asking({ cpu: '1500m' }),
    facts: facts({ others: [asking({ cpu: '1' })] }),
    want: "OutOfcpu Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  },
  {
    name: 'refuses more memory than there is',
    pod: asking({ memory: '2Gi' }),
    facts: facts(),
    want: "OutOfmemory Pod was rejected: Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
  },
  {
    name: 'refuses one pod too many',
    pod: pod(),
    facts: facts({ others: [pod(), pod()] }),
    want: "OutOfpods Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
  },
  { name: 'lets a matching selector in', pod: pod({ nodeSelector: { disk: 'ssd' } }), facts: facts(), want: undefined },
  {
    name: 'refuses a selector that does not match',
    pod: pod({ nodeSelector: { disk: 'tape' } }),
    facts: facts(),
    want: "NodeAffinity Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  },
]
for (const { name, pod: one, facts: known, want } of table) {
  test(`admitPod() ${name}`, () => {
    const verdict = admitPod(one, known)
    expect(verdict && `${verdict.reason} ${verdict.message}`).toBe(want)
  })
}

test('podRequests() is the larger of the app with its sidecars and any init step beside them', () => {
  const ask = (cpu: string) => ({ resources: { requests: { cpu } } })
  const one = pod({
    initContainers: [container('s', { ...ask('100m'), restartPolicy: 'Always' }), container('i', ask('500m'))],
    containers: [container('c', ask('200m'))],
  })
  expect(podRequests(one).get('cpu')).toBe(600)
})
