/** The objects of a cluster as large as wanted. Pure. */
import type { HollowObject } from './hollow-api.ts'

/** Name of the node that is measured. */
export const nodeName = 'bench-node'

/** The address number `index` of `a.b.0.0`, counted from 1. */
export function addressIn(a: number, b: number, index: number): string {
  const number = ((a << 24) | (b << 16)) + index + 1
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}

export function nodeObject(address: string, podCidr: string): HollowObject {
  return {
    metadata: { name: nodeName, labels: { 'kubernetes.io/hostname': nodeName } },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: nodeName },
      ],
    },
  }
}

export function serviceObject(name: string, clusterIP: string): HollowObject {
  return {
    metadata: { name, namespace: 'bench' },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      selector: { app: name },
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
    },
    status: { loadBalancer: {} },
  }
}

export function sliceObject(service: string, addresses: readonly string[]): HollowObject {
  return {
    metadata: { name: `${service}-1`, namespace: 'bench', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'elsewhere',
    })),
  }
}

export function podObject(name: string, address: string): HollowObject {
  return {
    metadata: { name, namespace: 'bench', labels: { app: name } },
    spec: { nodeName, containers: [{ name: 'main', image: 'none' }] },
    status: {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      hostIP: '192.0.2.2',
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  }
}

/** A policy that lets nobody in to the pods called `app`. */
export function denyObject(app: string): HollowObject {
  return {
    metadata: { name: `deny-${app}`, namespace: 'bench' },
    spec: { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'] },
  }
}
