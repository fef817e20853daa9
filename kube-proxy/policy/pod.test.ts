import { expect, test } from 'vitest'
import type { Pod } from '../../api/core/v1.ts'
import { policyPodOf, trimPod } from './pod.ts'

function pod(spec: object, status: object): Pod {
  const metadata = { namespace: 'x', name: 'a', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: 'n', ...spec }, status } as unknown as Pod
}
const running = { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00:0::01' }] }

test.each([
  { name: 'on the host network', spec: { hostNetwork: true }, status: running },
  { name: 'that has succeeded', spec: {}, status: { ...running, phase: 'Succeeded' } },
  { name: 'that has failed', spec: {}, status: { ...running, phase: 'Failed' } },
])('policyPodOf() leaves out a pod $name', ({ spec, status }) => {
  expect(policyPodOf(pod(spec, status), 'n')).toBeUndefined()
})

test('policyPodOf() takes all addresses in one spelling, and knows whether the pod is here', () => {
  expect(policyPodOf(pod({}, running), 'n')).toMatchObject({ ips: ['10.0.0.1', 'fd00::1'], isLocal: true })
  expect(policyPodOf(pod({}, running), 'other')?.isLocal).toBe(false)
  expect(policyPodOf(pod({}, { phase: 'Running', podIP: '10.0.0.1' }), 'n')?.ips).toEqual(['10.0.0.1'])
})

test('policyPodOf() gives a pod without an address none, unless one is claimed for it', () => {
  expect(policyPodOf(pod({}, { phase: 'Pending' }), 'n')?.ips).toEqual([])
  expect(policyPodOf(pod({}, { phase: 'Pending' }), 'n', ['10.0.0.7'])?.ips).toEqual(['10.0.0.7'])
  expect(policyPodOf(pod({}, running), 'n', ['10.0.0.7'])?.ips).toEqual(['10.0.0.7'])
})

test('policyPodOf() counts named ports of containers and sidecars, not those of other init containers', () => {
  const spec = {
    containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 80 }, { containerPort: 81 }] }],
    initContainers: [
      { name: 's', restartPolicy: 'Always', ports: [{ name: 'dns', protocol: 'UDP', containerPort: 53 }] },
      { name: 'i', ports: [{ name: 'no', containerPort: 1 }] },
    ],
  }
  expect(policyPodOf(pod(spec, running), 'n')?.ports).toEqual([
    { name: 'web', protocol: 'TCP', port: 80 },
    { name: 'dns', protocol: 'UDP', port: 53 },
  ])
})

test.each([
  {
    name: 'with everything',
    spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 80 }] }] },
    status: running,
  },
  {
    name: 'with a sidecar',
    spec: {
      containers: [],
      initContainers: [
        { name: 's', restartPolicy: 'Always', ports: [{ name: 'dns', protocol: 'UDP', containerPort: 53 }] },
      ],
    },
    status: running,
  },
  { name: 'on the host network', spec: { hostNetwork: true, containers: [] }, status: running },
  { name: 'without an address', spec: { containers: [] }, status: { phase: 'Pending' } },
  { name: 'with one address', spec: { containers: [] }, status: { podIP: '10.0.0.1' } },
])('trimPod() leaves all that policyPodOf() reads of a pod $name', ({ spec, status }) => {
  const whole = pod({ ...spec, volumes: [{ name: 'v', emptyDir: {} }] }, { ...status, hostIP: '172.16.0.1' })
  const labelled = { ...whole, metadata: { ...whole.metadata, labels: { app: 'a' }, annotations: { long: 'text' } } }
  const trimmed = trimPod(labelled)
  expect(policyPodOf(trimmed, 'n')).toEqual(policyPodOf(labelled, 'n'))
  expect(JSON.stringify(trimmed)).not.toMatch(/long|emptyDir|172/)
})
