/** Which behaviours of upstream's list have a test here. Runs where the facts are at hand. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const facts = process.env['KUBETS_FACTS'] ?? '../shared/kubernetes'
const list = join(facts, 'conformance.yaml')

/** Special interest groups whose behaviours concern the API alone. */
const apiGroups = ['[sig-api-machinery]', '[sig-auth]', '[sig-instrumentation]']
/** Behaviours of other groups that need no container. */
const apiTitles = [
  'CronJob should support CronJob API operations',
  'Daemon set [Serial] should verify changes to a daemon set status',
  'ControllerRevision [Serial] should manage the lifecycle of a ControllerRevision',
  'Deployment should run the lifecycle of a Deployment',
  'DisruptionController should',
  'Job should apply changes to a job status',
  'Job should manage the lifecycle of a job',
  'ReplicationController should test the lifecycle of a ReplicationController',
  'EndpointSlice should support creating EndpointSlice API operations',
  'Endpoints should test the lifecycle of an Endpoint',
  'Ingress API should support creating Ingress API operations',
  'IngressClass API should support creating IngressClass API operations',
  'ServiceCIDR and IPAddress API should support',
  'Services should complete a service status lifecycle',
  'Services should delete a collection of services',
  'ConfigMap should run through a ConfigMap lifecycle',
  'Node Lifecycle should run through the lifecycle of a node',
  'PodTemplates should',
  'Pods should delete a collection of pods',
  'Pods should patch a pod status',
  'Pods should run through the lifecycle of Pods and PodStatus',
  'RuntimeClass should support RuntimeClasses API operations',
  'CSIInlineVolumes should',
  'CSINodes CSI Conformance should run through the lifecycle of a csinode',
  'CSIStorageCapacity should support CSIStorageCapacities API operations',
  'PersistentVolumes CSI Conformance should',
  'StorageClasses CSI Conformance should run through the lifecycle of a StorageClass',
  'VolumeAttachment Conformance should',
  'VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass',
]

/** These need containers that run, and stand in `test/e2e/`. */
const needContainers = [
  'ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer',
  'should mount an API token into pods',
  'should mount projected service account token',
]

type Behaviour = { readonly codename: string }

test.skipIf(!existsSync(list))('every behaviour of the API has a test with its title', () => {
  const behaviours = parse(readFileSync(list, 'utf8')) as readonly Behaviour[]
  const wanted = behaviours
    .map(({ codename }) => codename)
    .filter(
      (title) =>
        apiGroups.some((group) => title.startsWith(group)) || apiTitles.some((part) => title.includes(`] ${part}`)),
    )
    .filter((title) => !needContainers.some((part) => title.includes(part)))
  const folder = import.meta.dirname
  const tests = readdirSync(folder)
    .filter((file) => file.endsWith('.integration.test.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  expect(wanted.length).toBeGreaterThan(100)
  expect(wanted.filter((title) => !tests.includes(title.replaceAll("'", "\\'")) && !tests.includes(title))).toEqual([])
})
