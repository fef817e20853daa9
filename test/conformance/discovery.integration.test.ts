/** Discovery, group by group and aggregated, with built-in and with custom kinds. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { definition, establish } from './custom-definitions.ts'
import { conformanceCluster } from './fixture.ts'

type Json = RawAnswer['json']

const execFileAsync = promisify(execFile)
const cluster = conformanceCluster()
const { expectCode } = cluster
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** One resource of every group that each cluster has. */
const expected = [
  ['', 'v1', 'namespaces'],
  ['admissionregistration.k8s.io', 'v1', 'validatingwebhookconfigurations'],
  ['apiextensions.k8s.io', 'v1', 'customresourcedefinitions'],
  ['apiregistration.k8s.io', 'v1', 'apiservices'],
  ['apps', 'v1', 'deployments'],
  ['authentication.k8s.io', 'v1', 'tokenreviews'],
  ['authorization.k8s.io', 'v1', 'selfsubjectaccessreviews'],
  ['autoscaling', 'v1', 'horizontalpodautoscalers'],
  ['autoscaling', 'v2', 'horizontalpodautoscalers'],
  ['batch', 'v1', 'jobs'],
  ['certificates.k8s.io', 'v1', 'certificatesigningrequests'],
  ['coordination.k8s.io', 'v1', 'leases'],
  ['discovery.k8s.io', 'v1', 'endpointslices'],
  ['events.k8s.io', 'v1', 'events'],
  ['networking.k8s.io', 'v1', 'ingresses'],
  ['node.k8s.io', 'v1', 'runtimeclasses'],
  ['policy', 'v1', 'poddisruptionbudgets'],
  ['scheduling.k8s.io', 'v1', 'priorityclasses'],
  ['storage.k8s.io', 'v1', 'csinodes'],
] as const

test('[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]', async () => {
  const { groups } = await expectCode(200, '/apis/')
  expect(groups.length).toBeGreaterThan(15)
  for (const listed of groups) {
    const group = await expectCode(200, `/apis/${listed.name}/`)
    expect(group.versions).not.toEqual([])
    expect(group.versions).toContainEqual(group.preferredVersion)
    expect({ name: group.name, versions: group.versions, preferredVersion: group.preferredVersion }).toEqual(listed)
  }
})

test('[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup [Conformance]', async () => {
  for (const [group, version, resource] of expected) {
    const groupVersion = group === '' ? version : `${group}/${version}`
    const list = await expectCode(200, group === '' ? `/api/${version}` : `/apis/${groupVersion}`)
    expect(list).toMatchObject({ kind: 'APIResourceList', groupVersion })
    expect(list.resources.map(({ name }: Json) => name)).toContain(resource)
  }
})

/** The aggregated documents: `[group, version, resource]` of everything. */
async function aggregatedResources(): Promise<readonly (readonly string[])[]> {
  const documents = await Promise.all(
    ['/api', '/apis'].map(async (path) => {
      const { code, headers, json } = await cluster.send(path, { headers: { accept: aggregated } })
      expect([code, headers['content-type']]).toEqual([200, aggregated])
      expect(json).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' })
      return json.items
    }),
  )
  return documents
    .flat()
    .flatMap(({ metadata, versions }: Json) =>
      versions.flatMap(({ version, resources }: Json) =>
        resources.map(({ resource }: Json) => [metadata.name ?? '', version, resource]),
      ),
    )
}

/** What kubectl finds, which asks for the two aggregated documents and goes through the groups only without them. */
async function resourcesOfKubectl(): Promise<readonly string[]> {
  const { kubeconfig, folder } = cluster.plane()
  const cache = `${folder}/discovery-${Math.random()}`
  const flags = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${cache}`, '--v=6']
  const { stdout, stderr } = await execFileAsync('kubectl', [...flags, 'api-resources', '-o=name'])
  const asked = [...stderr.matchAll(/https:\/\/[^/]+(\/apis?[^?\s"]*)/g)].map(([, path]) => path)
  expect([...new Set(asked)].sort()).toEqual(['/api', '/apis'])
  return stdout.trim().split('\n')
}

/** Serves a custom kind; gives its `[group, version, resource]`. */
async function customKind(group: string): Promise<readonly string[]> {
  await establish(cluster, definition(group, 'TestCrd'))
  return [group, 'v1', 'testcrds']
}

test('[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers [Conformance]', async () => {
  const found = await aggregatedResources()
  for (const resource of expected) expect(found).toContainEqual(resource)
})

test('[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs [Conformance]', async () => {
  const custom = await customKind('raw.example.com')
  expect(await aggregatedResources()).toContainEqual(custom)
})

test('[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface [Conformance]', async () => {
  const names = expected
    .filter(([group, version]) => group !== 'autoscaling' || version === 'v2')
    .map(([group, , resource]) => (group === '' ? resource : `${resource}.${group}`))
  expect(await resourcesOfKubectl()).toEqual(expect.arrayContaining(names))
})

test('[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs [Conformance]', async () => {
  await customKind('interface.example.com')
  expect(await resourcesOfKubectl()).toContain('testcrds.interface.example.com')
})
