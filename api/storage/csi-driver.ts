/** CSIDriver: what a storage driver can do. Source: pkg/apis/storage/validation, `printCSIDriver`. */
import { duplicate, invalidValue, notSupported } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, immutable, oneOf, repeats, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text, yesNo } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { CSIDriver, CSIDriverSpec } from './v1.ts'

const minTokenSeconds = 600
const minPeriodSeconds = 10
const maxTokenSeconds = 2 ** 32
const policies = ['File', 'None', 'ReadWriteOnceWithFSType']

export const csiDrivers = defineResource<CSIDriver>({
  facts: factsOf('storage.k8s.io', 'csidrivers'),
  definition: 'storage.v1.CSIDriver',
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: (driver) => ({ ...driver, spec: defaultSpec(driver.spec) }),
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old) => [
    ...validateSpec(spec),
    ...immutable('spec.attachedRequired', spec.attachRequired, old.spec.attachRequired),
    ...immutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, old.spec.volumeLifecycleModes),
  ],
  prepareForUpdate: (driver, old) => {
    const generation = old.metadata.generation ?? 0
    const changed = !sameJson(driver.spec, old.spec)
    return changed ? { ...driver, metadata: { ...driver.metadata, generation: generation + 1 } } : driver
  },
  warnings: ({ spec }, old) =>
    (spec.tokenRequests ?? []).length > 0 &&
    spec.serviceAccountTokenInSecrets === undefined &&
    !sameJson(spec.tokenRequests, old?.spec.tokenRequests)
      ? [
          'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
        ]
      : [],
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

function validateSpec(spec: CSIDriverSpec): Causes {
  const { volumeLifecycleModes, fsGroupPolicy, tokenRequests = [], serviceAccountTokenInSecrets: inSecrets } = spec
  const { nodeAllocatableUpdatePeriodSeconds: period } = spec
  const modes = ['Persistent', 'Ephemeral']
  return [
    ...(fsGroupPolicy === undefined ? [] : oneOf('spec.fsGroupPolicy', fsGroupPolicy, policies)),
    ...validateTokenRequests(tokenRequests),
    ...each('spec.volumeLifecycleModes', volumeLifecycleModes, (mode) =>
      when(!modes.includes(mode), () => notSupported('spec.volumeLifecycleModes', mode, modes)),
    ),
    ...when(period !== undefined && period < minPeriodSeconds, () =>
      invalidValue(
        'spec.nodeAllocatableUpdatePeriodSeconds',
        period,
        `must be greater than or equal to ${minPeriodSeconds} seconds`,
      ),
    ),
    ...when(inSecrets !== undefined && tokenRequests.length === 0, () =>
      invalidValue(
        'spec.serviceAccountTokenInSecrets',
        inSecrets,
        'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
      ),
    ),
  ]
}

type TokenRequests = NonNullable<CSIDriverSpec['tokenRequests']>

function validateTokenRequests(tokenRequests: TokenRequests): Causes {
  const again = new Set(repeats(tokenRequests.map(({ audience }) => audience)))
  return each('spec.tokenRequests', tokenRequests, ({ audience, expirationSeconds }, path, index) => {
    const seconds = expirationSeconds ?? minTokenSeconds
    if (again.has(index)) return [duplicate(`${path}.audience`, audience)]
    return [
      ...when(
        seconds < minTokenSeconds,
        invalidValue(`${path}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'),
      ),
      ...when(
        seconds > maxTokenSeconds,
        invalidValue(`${path}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'),
      ),
    ]
  })
}
