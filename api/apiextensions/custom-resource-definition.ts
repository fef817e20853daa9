/** CustomResourceDefinition: a kind that somebody adds. Source: apiextensions-apiserver pkg/apis/apiextensions. */

import { setCondition } from '../../apimachinery/conditions.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'
import { formatOf } from '../../apimachinery/schema/formats.ts'
import { factsOf } from '../facts/resources.ts'
import { sameJson } from '../meta/causes.ts'
import { createdAtColumn, nameColumn } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { rootSchemas } from './internal-form.ts'
import { someLevel } from './open-api-schema.ts'
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from './v1.ts'
import { validateDefinition, validateDefinitionStatus, validateDefinitionUpdate } from './validation.ts'

type Crd = CustomResourceDefinition
const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

export const customResourceDefinitions = defineResource<Crd>({
  facts: factsOf('apiextensions.k8s.io', 'customresourcedefinitions'),
  definition: 'apiextensions.v1.CustomResourceDefinition',
  metadataRules: { finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: (crd) => ({ ...crd, spec: defaultSpec(crd.spec) }),
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  validateStatusUpdate: validateDefinitionStatus,
  warnings: unknownFormats,
  prepareForCreate: (crd) => ({
    ...crd,
    metadata: { ...crd.metadata, generation: 1 },
    status: { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: storageVersions(crd) },
  }),
  prepareForUpdate: (crd, old) => {
    const generation = (old.metadata.generation ?? 0) + (sameJson(crd.spec, old.spec) ? 0 : 1)
    const stored = old.status.storedVersions ?? []
    const storedVersions = [...stored, ...storageVersions(crd).filter((name) => !stored.includes(name))]
    return { ...crd, metadata: { ...crd.metadata, generation }, status: { ...old.status, storedVersions } }
  },
  prepareForDelete: (crd, time) => ({
    ...crd,
    metadata: { ...crd.metadata, finalizers: [...new Set([...(crd.metadata.finalizers ?? []), cleanupFinalizer])] },
    status: {
      ...crd.status,
      conditions: setCondition(crd.status.conditions, {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
        lastTransitionTime: time,
      }),
    },
  }),
  columns: [nameColumn, createdAtColumn],
})

/** Of several storage versions, which validation will refuse, the first counts. */
function storageVersions({ spec }: Crd): readonly string[] {
  const storage = spec.versions.find((version) => version.storage)
  return storage === undefined ? [] : [storage.name]
}

/** Formats that no value will be held to, and that an update brings. */
function unknownFormats(crd: Crd, old: Crd | undefined): readonly string[] {
  const before = new Set(old === undefined ? [] : formatsOf(old))
  return [...new Set(formatsOf(crd))]
    .filter((format) => !before.has(format))
    .map((format) => `unrecognized format ${goQuote(format)}`)
}

function formatsOf({ spec }: Crd): readonly string[] {
  const unknown: string[] = []
  for (const schema of rootSchemas(spec)) {
    someLevel(schema, ({ type = '', format = '' }) => {
      if (format !== '' && formatOf(String(type), String(format)) === '') unknown.push(String(format))
      return false
    })
  }
  return unknown
}

function defaultSpec(spec: Crd['spec']): Crd['spec'] {
  const names: Partial<CustomResourceDefinitionNames> = spec.names ?? {}
  const { kind = '', plural = '' } = names
  const conversion = spec.conversion ?? { strategy: 'None' }
  const { service } = conversion.webhook?.clientConfig ?? {}
  return {
    ...spec,
    names: {
      ...names,
      kind,
      plural,
      singular: names.singular || kind.toLowerCase(),
      listKind: names.listKind || (kind === '' ? '' : `${kind}List`),
    },
    conversion:
      conversion.webhook === undefined || service === undefined
        ? conversion
        : {
            ...conversion,
            webhook: {
              ...conversion.webhook,
              clientConfig: { ...conversion.webhook.clientConfig, service: { ...service, port: service.port ?? 443 } },
            },
          },
  }
}
