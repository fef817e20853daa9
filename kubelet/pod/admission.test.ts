import { expect, test } from 'vitest'
import { container, pod } from '../../test/fixtures/kubelet-pod.ts'
import { type AdmissionFacts, admitPod } from './admission.ts'

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
const withPort = (protocol: 'TCP' | 'UDP' = 'TCP', hostIP = '') =>
  pod({ containers: [container('c', { ports: [{ containerPort: 80, hostPort: 8080, protocol, hostIP }] })] })
const tainted = (effect: string) => facts({ node: { ...facts().node, spec: { taints: [{ key: 'k', effect }] } } })

const table = [
  { name: 'lets a small pod in', pod: asking({ cpu: '1' }), facts: facts(), want: undefined },
  {
    name: 'refuses more processor than is left',
    pod: asking({ cpu: '1500m' }),
    facts: facts({ others: [asking({ cpu: '1' })] }),
    want: "OutOfcpu Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  },
  {
    name: 'refuses more memory than there is',
    pod: asking({ memory: '2Gi' }),
    facts: facts(),
    want: "OutOfmemory Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
  },
  {
    name: 'counts what others have said that the node has',
    pod: asking({ 'example.com/gpu': '2' }),
    facts: facts({
      allocatable: { ...facts().allocatable, 'example.com/gpu': '3' },
      others: [asking({ 'example.com/gpu': '2' })],
    }),
    want: "OutOfexample.com/gpu Node didn't have enough resource: example.com/gpu, requested: 2, used: 2, capacity: 3",
  },
  {
    name: 'leaves resources that the node does not know to the scheduler',
    pod: asking({ 'example.com/gpu': '2' }),
    facts: facts(),
    want: undefined,
  },
  {
    name: 'refuses one pod too many',
    pod: pod(),
    facts: facts({ others: [pod(), pod()] }),
    want: "OutOfpods Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
  },
  { name: 'lets a matching selector in', pod: pod({ nodeSelector: { disk: 'ssd' } }), facts: facts(), want: undefined },
  {
    name: 'refuses a selector that does not match',
    pod: pod({ nodeSelector: { disk: 'tape' } }),
    facts: facts(),
    want: "NodeAffinity Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  },
  {
    name: 'refuses what is asked for the pod as a whole when it is too much',
    pod: asking({ cpu: '1' }, { resources: { requests: { cpu: '3' } } }),
    facts: facts(),
    want: "OutOfcpu Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000",
  },
  {
    name: 'lets in a port of another protocol',
    pod: withPort(),
    facts: facts({ others: [withPort('UDP')] }),
    want: undefined,
  },
  {
    name: 'lets in a port of another address',
    pod: withPort('TCP', '10.0.0.1'),
    facts: facts({ others: [withPort('TCP', '10.0.0.2')] }),
    want: undefined,
  },
  {
    name: 'refuses a host port that is taken on all addresses',
    pod: withPort('TCP', '10.0.0.1'),
    facts: facts({ others: [withPort()] }),
    want: "NodePorts Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  },
  {
    name: 'refuses a pod that does not tolerate a NoExecute taint',
    pod: pod(),
    facts: tainted('NoExecute'),
    want: "TaintToleration Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
  },
  {
    name: 'lets in a pod that tolerates the taint',
    pod: pod({ tolerations: [{ key: 'k', operator: 'Exists' }] }),
    facts: tainted('NoExecute'),
    want: undefined,
  },
  { name: 'leaves other taints to the scheduler', pod: pod(), facts: tainted('NoSchedule'), want: undefined },
]
for (const { name, pod: one, facts: known, want } of table) {
  test(`admitPod() ${name}`, () => {
    const verdict = admitPod(one, known)
    expect(verdict && `${verdict.reason} ${verdict.message}`).toBe(want)
  })
}
