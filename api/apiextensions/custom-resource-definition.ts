/** CustomResourceDefinition: a kind that somebody adds. Source: apiextensions-apiserver pkg/apis/apiextensions. */

import { setCondition } from '../../apimachinery/conditions.ts'
import { invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isJsonObject } from '../../apimachinery/json.ts'
import { isDns1035Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, immutable, invalidValues, sameJson, when } from '../meta/causes.ts'
import { nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateStructural } from './structural.ts'
import type { CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionVersion } from './v1.ts'

type Crd = CustomResourceDefinition
const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'
const approval = 'api-approved.kubernetes.io'

export const customResourceDefinitions = defineResource<Crd>({
  facts: factsOf('apiextensions.k8s.io', 'customresourcedefinitions'),
  definition: 'apiextensions.v1.CustomResourceDefinition',
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: (crd) => ({ ...crd, spec: defaultSpec(crd.spec) }),
  validate: (crd) => [...validateCrd(crd), ...validateApproval(crd)],
  validateUpdate: (crd, old) => [...validateCrd(crd), ...validateChange(crd, old)],
  prepareForCreate: (crd) => ({
    ...crd,
    metadata: { ...crd.metadata, generation: 1 },
    status: { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: storageVersions(crd) },
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
  columns: [nameColumn, text('Created At', ({ metadata }) => metadata.creationTimestamp)],
})

function storageVersions({ spec }: Crd): readonly string[] {
  return spec.versions.filter(({ storage }) => storage).map(({ name }) => name)
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

function validateCrd({ metadata, spec }: Crd): Causes {
  const { group = '', scope = '', names, versions } = spec
  const wanted = `${names.plural}.${group}`
  return [
    ...when(
      metadata.name !== wanted,
      invalidValue('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'),
    ),
    ...(group === ''
      ? [required('spec.group')]
      : [
          ...invalidValues('spec.group', group, isDns1123Subdomain(group)),
          ...when(!group.includes('.'), invalidValue('spec.group', group, 'should be a domain with at least one dot')),
        ]),
    ...(scope === ''
      ? [required('spec.scope')]
      : when(
          scope !== 'Cluster' && scope !== 'Namespaced',
          notSupported('spec.scope', scope, ['Cluster', 'Namespaced']),
        )),
    ...validateVersions(versions),
    ...validateNames(names, 'spec.names'),
    ...validateConversion(spec),
    ...when(
      spec.preserveUnknownFields === true,
      invalidValue(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    ),
  ]
}

function validateVersions(versions: readonly CustomResourceDefinitionVersion[]): Causes {
  const names = versions.map(({ name }) => name)
  const stored = versions.filter(({ storage }) => storage)
  const shown = names.map((name) => name)
  return [
    ...each('spec.versions', versions, validateVersion),
    ...when(
      new Set(names).size !== names.length,
      invalidValue('spec.versions', shown, 'must contain unique version names'),
    ),
    ...when(
      stored.length !== 1,
      invalidValue('spec.versions', shown, 'must have exactly one version marked as storage version'),
    ),
  ]
}

function validateVersion(version: CustomResourceDefinitionVersion, field: string): Causes {
  const { name, schema, subresources, additionalPrinterColumns, deprecated, deprecationWarning } = version
  const root = schema?.openAPIV3Schema
  const path = `${field}.schema.openAPIV3Schema`
  return [
    ...invalidValues(`${field}.name`, name, isDns1035Label(name)),
    ...when(
      deprecationWarning !== undefined && deprecated !== true,
      invalidValue(`${field}.deprecationWarning`, deprecationWarning, 'can only be set for deprecated versions'),
    ),
    ...(root === undefined || !isJsonObject(root)
      ? [required(path, 'schemas are required')]
      : validateStructural(root, path)),
    ...each(`${field}.additionalPrinterColumns`, additionalPrinterColumns, (column, at) => [
      ...when(column.name === '', required(`${at}.name`)),
      ...(column.type === ''
        ? [required(`${at}.type`, 'must be one of boolean,date,integer,number,string')]
        : when(
            !['boolean', 'date', 'integer', 'number', 'string'].includes(column.type),
            invalidValue(`${at}.type`, column.type, 'must be one of boolean,date,integer,number,string'),
          )),
      ...validateJsonPath(column.jsonPath, `${at}.jsonPath`, ''),
    ]),
    ...(subresources?.scale === undefined
      ? []
      : [
          ...validateJsonPath(
            subresources.scale.specReplicasPath,
            `${field}.subresources.scale.specReplicasPath`,
            '.spec.',
          ),
          ...validateJsonPath(
            subresources.scale.statusReplicasPath,
            `${field}.subresources.scale.statusReplicasPath`,
            '.status.',
          ),
        ]),
  ]
}

function validateJsonPath(path: string, field: string, below: string): Causes {
  if (path === '') return [required(field)]
  return [
    ...when(!path.startsWith('.'), invalidValue(field, path, 'must be a simple json path starting with .')),
    ...when(
      below !== '' && path.startsWith('.') && !path.startsWith(below),
      invalidValue(field, path, `should be a json path under ${below.slice(0, -1)}`),
    ),
  ]
}

function validateNames(names: CustomResourceDefinitionNames, field: string): Causes {
  const { plural, singular = '', kind, listKind = '', shortNames, categories } = names
  const lowerKinds = [
    ['kind', kind],
    ['listKind', listKind],
  ] as const
  return [
    ...(plural === ''
      ? [required(`${field}.plural`)]
      : invalidValues(`${field}.plural`, plural, isDns1035Label(plural))),
    ...(singular === '' ? [] : invalidValues(`${field}.singular`, singular, isDns1035Label(singular))),
    ...lowerKinds.flatMap(([key, value]) =>
      value === ''
        ? [required(`${field}.${key}`)]
        : isDns1035Label(value.toLowerCase()).map((message) =>
            invalidValue(`${field}.${key}`, value, `may have mixed case, but should otherwise match: ${message}`),
          ),
    ),
    ...each(`${field}.shortNames`, shortNames, (name, path) => invalidValues(path, name, isDns1035Label(name))),
    ...when(
      kind !== '' && kind === listKind,
      invalidValue(`${field}.listKind`, listKind, 'kind and listKind may not be the same'),
    ),
    ...each(`${field}.categories`, categories, (name, path) => invalidValues(path, name, isDns1035Label(name))),
  ]
}

function validateConversion({ conversion, versions }: Crd['spec']): Causes {
  const { strategy = '', webhook } = conversion ?? {}
  const field = 'spec.conversion'
  if (strategy === '') return [required(`${field}.strategy`)]
  if (strategy !== 'None' && strategy !== 'Webhook')
    return [notSupported(`${field}.strategy`, strategy, ['None', 'Webhook'])]
  if (strategy === 'None') {
    return when(webhook !== undefined && versions.length > 0, {
      reason: 'FieldValueForbidden',
      message: 'Forbidden: should not be set when strategy is not set to Webhook',
      field: `${field}.webhookClientConfig`,
    })
  }
  return when(
    webhook?.clientConfig === undefined,
    required(`${field}.webhookClientConfig`, 'required when strategy is set to Webhook'),
  )
}

/** Groups of Kubernetes itself need a link to who approved the kind. */
function validateApproval({ metadata, spec }: Crd): Causes {
  const isProtected = /(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group)
  const value = metadata.annotations?.[approval]
  if (!isProtected) return []
  const field = `metadata.annotations[${approval}]`
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111'
  if (value === undefined)
    return [required(field, `protected groups must have approval annotation "${approval}", ${see}`)]
  const isApproved = value.startsWith('unapproved') || URL.canParse(value)
  return when(
    !isApproved,
    invalidValue(
      field,
      value,
      `protected groups must have approval annotation "${approval}" with either a URL or a reason starting with "unapproved", ${see}`,
    ),
  )
}

function validateChange({ spec, status }: Crd, old: Crd): Causes {
  const established = old.status.conditions?.some(
    ({ type, status: value }) => type === 'Established' && value === 'True',
  )
  const names = new Set(spec.versions.map(({ name }) => name))
  return [
    ...immutable('spec.group', spec.group, old.spec.group),
    ...immutable('spec.names.plural', spec.names.plural, old.spec.names.plural),
    ...(established === true
      ? [
          ...immutable('spec.scope', spec.scope, old.spec.scope),
          ...immutable('spec.names.kind', spec.names.kind, old.spec.names.kind),
        ]
      : []),
    ...each('status.storedVersions', status.storedVersions, (name, path) =>
      when(
        !names.has(name),
        invalidValue(
          path,
          name,
          `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
        ),
      ),
    ),
  ]
}
