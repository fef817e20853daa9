/** Pods and their owners as the tests here need them, and waiting for pods. */
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import type { ConformanceCluster } from './fixture.ts'

type Json = RawAnswer['json']
export type Labels = Readonly<Record<string, string>>

const container = { name: 'main', image: 'example.com/image:1' }

/** A pod's spec with one container. */
export function podSpec(fields: object = {}): object {
  return { terminationGracePeriodSeconds: 1, containers: [container], ...fields }
}

/** A pod with one container. */
export function podObject(name: string, labels: Labels = {}, spec: object = {}): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: podSpec(spec) }
}

/** What makes pods with these labels: of the core or the apps group, with a selector of that group's form. */
export function podOwner(kind: string, name: string, labels: Labels, spec: object = {}): object {
  const isCore = kind === 'ReplicationController'
  return {
    apiVersion: isCore ? 'v1' : 'apps/v1',
    kind,
    metadata: { name, labels },
    spec: {
      selector: isCore ? labels : { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec() },
      ...spec,
    },
  }
}

/** Waits until as many pods of the namespace run as wanted, and gives all of them. */
export async function untilRunning(cluster: ConformanceCluster, namespace: string, count: number): Promise<Json[]> {
  return await eventually(`${count} running pods in ${namespace}`, async () => {
    const { items } = await cluster.expectCode(200, `/api/v1/namespaces/${namespace}/pods`)
    const running = items.filter(
      ({ metadata, status }: Json) => metadata.deletionTimestamp === undefined && status.phase === 'Running',
    )
    return running.length === count && running
  })
}
