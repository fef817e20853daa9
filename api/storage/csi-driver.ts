/** CSIDriver: what a storage driver can do. Source: pkg/apis/storage/validation, `printCSIDriver`. */
import { duplicate, invalidValue } from '../../apimachinery/field-errors.ts'
import { validateDriverName } from '../core/volumes.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, immutable, oneOf, repeats, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text, yesNo } from '../meta/columns.ts'
import { pathSegmentName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { CSIDriver, CSIDriverSpec } from './v1.ts'

const minTokenSeconds = 600
const maxTokenSeconds = 2 ** 32
const policies = ['File', 'None', 'ReadWriteOnceWithFSType']

export const csiDrivers = defineResource<CSIDriver>({
  facts: factsOf('storage.k8s.io', 'csidrivers'),
  definition: 'storage.v1.CSIDriver',
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: pathSegmentName,
  defaults: (driver) => ({ ...driver, spec: defaultSpec(driver.spec) }),
  validate: (driver) => [...validateDriverName(driver.metadata.name, 'metadata.name'), ...validateSpec(driver.spec)],
  validateUpdate: ({ spec }, old) => [
    ...validateSpec(spec),
    ...immutable('spec.attachRequired', spec.attachRequired, old.spec.attachRequired),
    ...immutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, old.spec.volumeLifecycleModes),
  ],
  prepareForUpdate: (driver, old) => {
    const generation = old.metadata.generation ?? 0
    const counted = ['tokenRequests', 'requiresRepublish', 'seLinuxMount'] as const
    const changed = counted.some((key) => !sameJson(driver.spec[key], old.spec[key]))
    return changed ? { ...driver, metadata: { ...driver.metadata, generation: generation + 1 } } : driver
  },
  columns: [
    nameColumn,
    yesNo('AttachRequired', ({ spec }) => spec.attachRequired ?? true),
    yesNo('PodInfoOnMount', ({ spec }) => spec.podInfoOnMount),
    yesNo('StorageCapacity', ({ spec }) => spec.storageCapacity),
    text(
      'TokenRequests',
      ({ spec }) => (spec.tokenRequests ?? []).map(({ audience }) => audience).join(',') || '<unset>',
    ),
    yesNo('RequiresRepublish', ({ spec }) => spec.requiresRepublish),
    text('Modes', ({ spec }) => (spec.volumeLifecycleModes ?? []).join(',') || '<none>'),
    ageColumn,
  ],
})

function defaultSpec(spec: CSIDriverSpec): CSIDriverSpec {
  const modes = spec?.volumeLifecycleModes ?? []
  return {
    attachRequired: true,
    podInfoOnMount: false,
    storageCapacity: false,
    fsGroupPolicy: 'ReadWriteOnceWithFSType',
    requiresRepublish: false,
    seLinuxMount: false,
    ...spec,
    volumeLifecycleModes: modes.length === 0 ? ['Persistent'] : modes,
  }
}

function validateSpec({ volumeLifecycleModes, fsGroupPolicy, tokenRequests = [] }: CSIDriverSpec): Causes {
  const again = new Set(repeats(tokenRequests.map(({ audience }) => audience)))
  return [
    ...each('spec.volumeLifecycleModes', volumeLifecycleModes, (mode) =>
      oneOf('spec.volumeLifecycleModes', mode, ['Ephemeral', 'Persistent']),
    ),
    ...(fsGroupPolicy === undefined ? [] : oneOf('spec.fsGroupPolicy', fsGroupPolicy, policies)),
    ...each(
      'spec.tokenRequests',
      tokenRequests,
      ({ audience, expirationSeconds: seconds = minTokenSeconds }, path, index) => [
        ...when(again.has(index), duplicate(`${path}.audience`, audience)),
        ...when(
          seconds < minTokenSeconds,
          invalidValue(`${path}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'),
        ),
        ...when(
          seconds > maxTokenSeconds,
          invalidValue(`${path}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'),
        ),
      ],
    ),
  ]
}
