/**
 * What is wrong with a definition. Paths and order are those of upstream's internal form (`internal-form.ts`).
 * Source: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`.
 */
import { isConditionTrue } from '../../apimachinery/conditions.ts'
import { goQuote, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { isDns1035Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { type Causes, each, immutable, sameJson, when } from '../meta/causes.ts'
import { hasKnownReview, isCaBundle, validateConversion } from './conversion.ts'
import { goVersion } from './go-shape.ts'
import { internalForm, rootSchema, rootSchemas } from './internal-form.ts'
import { someLevel, validateListItems } from './open-api-schema.ts'
import { isStructural } from './structural.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from './v1.ts'
import { mostSelectableFields, type VersionOptions, validateParts } from './version-validation.ts'

type Crd = CustomResourceDefinition

/** Rules that came later than definitions that break them. Source: `validationOptions`. */
type Options = VersionOptions & {
  readonly schemas: boolean
  readonly knownReview: boolean
  readonly goodBundle: boolean
  /** Versions whose schema is what it was. */
  readonly unchanged: ReadonlySet<string>
  /** Versions that have too many selectable fields already, `''` for the top. */
  readonly manyFields: ReadonlySet<string>
}

const forNew: Options = {
  schemas: true,
  structural: true,
  prunedDefaults: true,
  validTypes: true,
  atomicSets: true,
  listKeys: true,
  knownReview: true,
  // Until a definition is established its bundle may come later.
  goodBundle: false,
  unchanged: new Set(),
  manyFields: new Set(),
}

/** What is wrong with a new definition, besides its metadata. */
export function validateDefinition(crd: Crd): Causes {
  const name = `${crd.spec.names.plural}.${crd.spec.group}`
  return [
    ...when(crd.metadata.name !== name, () =>
      invalidValue('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'),
    ),
    ...validateSpec(crd.spec, forNew),
    ...validateStatus(crd),
    ...validateApproval(crd, undefined),
    ...validatePreserve(crd, undefined),
  ]
}

/** What is wrong with a changed definition. */
export function validateDefinitionUpdate(crd: Crd, old: Crd): Causes {
  const { spec } = crd
  return [
    ...validateSpec(spec, optionsFor(crd, old)),
    ...(isConditionTrue(old.status.conditions, 'Established')
      ? [
          ...immutable('spec.scope', spec.scope, old.spec.scope),
          ...immutable('spec.names.kind', spec.names.kind, old.spec.names.kind),
        ]
      : []),
    ...immutable('spec.group', spec.group, old.spec.group),
    ...immutable('spec.names.plural', spec.names.plural, old.spec.names.plural),
    ...validateStatus(crd),
    ...validateApproval(crd, old),
    ...validatePreserve(crd, old),
  ]
}

/** What is wrong with a status that somebody writes. */
export function validateDefinitionStatus({ status }: Crd): Causes {
  return validateNames(status.acceptedNames ?? { plural: '', kind: '' }, 'status.acceptedNames')
}

function optionsFor(crd: Crd, old: Crd): Options {
  const before = rootSchemas(old.spec)
  const none = (has: (level: Parameters<typeof validateListItems>[0]) => boolean): boolean =>
    !before.some((schema) => someLevel(schema, has))
  const { webhook } = old.spec.conversion ?? {}
  const bundle = webhook?.clientConfig?.caBundle ?? ''
  const reviews = webhook?.conversionReviewVersions ?? []
  const oldVersions = new Map(old.spec.versions.map((version) => [version.name, version]))
  const kept = crd.spec.versions.flatMap((version) => {
    const was = oldVersions.get(version.name)
    return was === undefined ? [] : [{ version, was }]
  })
  const manyFields = kept.filter(
    ({ version, was }) =>
      (was.selectableFields ?? []).length > mostSelectableFields &&
      sameJson(version.selectableFields, was.selectableFields),
  )
  return {
    schemas: old.spec.versions.every(({ schema }) => rootSchema(schema) !== undefined),
    structural: before.every(isStructural),
    prunedDefaults: true,
    validTypes: none(({ type = '' }) => type !== '' && !valueTypes.has(String(type))),
    atomicSets: none(isLooseSet),
    listKeys: none((level) => validateListItems(level, '').length > 0),
    knownReview: reviews.length === 0 || hasKnownReview(reviews),
    goodBundle: isConditionTrue(old.status.conditions, 'Established') && (bundle === '' || isCaBundle(bundle)),
    unchanged: new Set(
      kept.filter(({ version, was }) => sameJson(version.schema, was.schema)).map(({ version }) => version.name),
    ),
    manyFields: new Set(manyFields.length === 0 ? [] : ['', ...manyFields.map(({ version }) => version.name)]),
  }
}

const valueTypes: ReadonlySet<string> = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object'])

function isLooseSet(level: Parameters<typeof validateListItems>[0]): boolean {
  const { items } = level as Readonly<Record<string, Json | undefined>>
  if (level['x-kubernetes-list-type'] !== 'set' || typeof items !== 'object' || items === null) return false
  const item = items as Parameters<typeof validateListItems>[0]
  const listType = item['x-kubernetes-list-type']
  if (item['type'] === 'array') return listType !== undefined && listType !== 'atomic'
  return item['type'] === 'object' && item['x-kubernetes-map-type'] !== 'atomic'
}

function validateSpec(spec: CustomResourceDefinitionSpec, options: Options): Causes {
  const { group = '', scope = '', names, versions, conversion } = spec
  const { top, versions: own } = internalForm(spec)
  const schemas = rootSchemas(spec)
  const preserves = spec.preserveUnknownFields === true
  const hasDefaults = schemas.some((schema) => someLevel(schema, (level) => level['default'] !== undefined))
  const structural = options.structural || !preserves || hasDefaults
  const partsOf = (name: string): VersionOptions & { readonly isUnchanged: boolean; readonly manyFields: boolean } => ({
    ...options,
    structural,
    isUnchanged: options.unchanged.has(name),
    manyFields: options.manyFields.has(name),
  })
  const hasStatus = versions.some(({ subresources }) => subresources?.status !== undefined)
  return [
    ...validateGroup(group),
    ...(scope === ''
      ? [required('spec.scope')]
      : when(scope !== 'Cluster' && scope !== 'Namespaced', () =>
          notSupported('spec.scope', scope, ['Cluster', 'Namespaced']),
        )),
    ...validateSchemasGiven(spec, options, preserves),
    ...when(hasDefaults && preserves, () =>
      invalidValue('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema'),
    ),
    ...each('spec.versions', own, (version, field) => [
      ...messages(`${field}.name`, version.name, isDns1035Label(version.name)),
      ...validateDeprecation(version, field),
      ...validateParts(
        version,
        field,
        { schema: 'schema', needsSchema: 'may only be set when `version.schema.openAPIV3Schema` is not included' },
        (top.subresources ?? version.subresources)?.status !== undefined,
        { ...partsOf(version.name), manyFields: options.manyFields.has(version.name) },
      ),
    ]),
    ...validateVersionNames(own),
    ...requiredNames(names),
    ...validateNames(names, 'spec.names'),
    ...validateParts(
      top,
      'spec',
      { schema: 'validation', needsSchema: 'may only be set when validations.schema is included' },
      hasStatus,
      { ...partsOf(versions[0]?.name ?? ''), manyFields: options.manyFields.has('') },
    ),
    ...when(preserves && conversion !== undefined && conversion.strategy !== 'None', () =>
      invalidValue(
        'spec.conversion.strategy',
        conversion?.strategy,
        'must be None if spec.preserveUnknownFields is true',
      ),
    ),
    ...validateStrategy(conversion?.strategy ?? '', 'spec.conversion.strategy'),
    ...(conversion === undefined ? [] : validateConversion(conversion, 'spec.conversion', options)),
  ]
}

function messages(field: string, value: string, texts: readonly string[]): Causes {
  return texts.length === 0 ? [] : [invalidValue(field, value, texts.join(','))]
}

function validateGroup(group: string): Causes {
  if (group === '') return [required('spec.group')]
  const texts = isDns1123Subdomain(group)
  if (texts.length > 0) return messages('spec.group', group, texts)
  return when(!group.includes('.'), () => invalidValue('spec.group', group, 'should be a domain with at least one dot'))
}

function validateSchemasGiven(
  { versions }: CustomResourceDefinitionSpec,
  { schemas }: Options,
  preserves: boolean,
): Causes {
  const hasTop = internalForm({ versions } as CustomResourceDefinitionSpec).top.schema?.openAPIV3Schema !== undefined
  if (hasTop) return []
  return each('spec.versions', versions, ({ schema, served }, field) => {
    const isMissing = schema?.openAPIV3Schema === undefined && (schemas || (served && !preserves))
    const why = schemas ? '' : 'because otherwise all fields are pruned'
    return when(isMissing, () => required(`${field}.schema.openAPIV3Schema`, why))
  })
}

function validateDeprecation(
  { deprecated, deprecationWarning: text }: CustomResourceDefinitionVersion,
  field: string,
): Causes {
  if (text === undefined) return []
  const at = `${field}.deprecationWarning`
  // Upstream holds a pointer, which is shown as JSON.
  const wrong = (words: string): StatusCause => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(text)}: ${words}`,
    field: at,
  })
  if (deprecated !== true) return [wrong('can only be set for deprecated versions')]
  const odd = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(text)
  const index = odd === null ? 0 : Buffer.byteLength(text.slice(0, odd.index))
  return [
    ...when(Buffer.byteLength(text) > 256, () => wrong('must be <= 256 characters long')),
    ...when(text === '', () => wrong('must not be an empty string')),
    ...when(odd !== null, () =>
      wrong(`must only contain printable UTF-8 characters; non-printable character found at index ${index}`),
    ),
  ]
}

function validateVersionNames(versions: readonly CustomResourceDefinitionVersion[]): Causes {
  const names = versions.map(({ name }) => name)
  const [first = ''] = names
  const shown = (): Json => versions.map((version) => goVersion(version as unknown as Json))
  return [
    ...when(new Set(names).size !== names.length, () =>
      invalidValue('spec.versions', shown(), 'must contain unique version names'),
    ),
    ...when(versions.filter(({ storage }) => storage).length !== 1, () =>
      invalidValue('spec.versions', shown(), 'must have exactly one version marked as storage version'),
    ),
    // The internal form repeats the first name.
    ...(first === '' ? [] : messages('spec.version', first, isDns1035Label(first))),
  ]
}

function requiredNames(names: CustomResourceDefinitionNames): Causes {
  return (['plural', 'singular', 'kind', 'listKind'] as const)
    .filter((key) => (names[key] ?? '') === '')
    .map((key) => required(`spec.names.${key}`))
}

function validateNames(names: CustomResourceDefinitionNames, field: string): Causes {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames, categories } = names
  const label = (value: string, at: string): Causes => (value === '' ? [] : messages(at, value, isDns1035Label(value)))
  const mixed = (value: string, at: string): Causes => {
    const texts = value === '' ? [] : isDns1035Label(value.toLowerCase())
    if (texts.length === 0) return []
    return [invalidValue(at, value, `may have mixed case, but should otherwise match: ${texts.join(',')}`)]
  }
  return [
    ...label(plural, `${field}.plural`),
    ...label(singular, `${field}.singular`),
    ...mixed(kind, `${field}.kind`),
    ...mixed(listKind, `${field}.listKind`),
    ...each(`${field}.shortNames`, shortNames, (name, at) => messages(at, name, isDns1035Label(name))),
    ...when(kind !== '' && kind === listKind, () =>
      invalidValue(`${field}.listKind`, listKind, 'kind and listKind may not be the same'),
    ),
    ...each(`${field}.categories`, categories, (name, at) => messages(at, name, isDns1035Label(name))),
  ]
}

function validateStrategy(strategy: string, field: string): Causes {
  if (strategy === '') return [required(field)]
  return when(strategy !== 'None' && strategy !== 'Webhook', () => notSupported(field, strategy, ['None', 'Webhook']))
}

function validateStatus(crd: Crd): Causes {
  const { versions } = crd.spec
  const stored = crd.status.storedVersions ?? []
  const field = 'status.storedVersions'
  if (stored.length === 0) {
    return [...validateDefinitionStatus(crd), invalidValue(field, null, 'must have at least one stored version')]
  }
  const names = new Set(versions.map(({ name }) => name))
  return [
    ...validateDefinitionStatus(crd),
    ...versions
      .filter(({ name, storage }) => storage && !stored.includes(name))
      .map(({ name }) => invalidValue(field, stored, `must have the storage version ${name}`)),
    ...each(field, stored, (name, at) =>
      when(!names.has(name), () =>
        invalidValue(
          at,
          name,
          `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
        ),
      ),
    ),
  ]
}

const annotation = 'api-approved.kubernetes.io'
const see = 'see https://github.com/kubernetes/enhancements/pull/1111'

/** Whether somebody has approved a kind in a group of Kubernetes itself. Source: `GetAPIApprovalState`. */
export type Approval = { readonly state: 'missing' | 'bypassed' | 'approved' | 'invalid'; readonly reason: string }

/** `undefined` for groups that need no approval. */
export function approvalOf({ spec, metadata }: Crd): Approval | undefined {
  if (!/(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group)) return undefined
  const value = metadata.annotations?.[annotation] ?? ''
  const must = `protected groups must have approval annotation "${annotation}"`
  if (value === '') return { state: 'missing', reason: `${must}, ${see}` }
  if (value.startsWith('unapproved')) return { state: 'bypassed', reason: `not approved: ${goQuote(value)}` }
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]/.test(value)) return { state: 'approved', reason: `approved in ${value}` }
  return { state: 'invalid', reason: `${must} with either a URL or a reason starting with "unapproved", ${see}` }
}

function validateApproval(crd: Crd, old: Crd | undefined): Causes {
  const approval = approvalOf(crd)
  if (approval === undefined || (old !== undefined && approvalOf(old)?.state === approval.state)) return []
  const field = `metadata.annotations[${annotation}]`
  switch (approval.state) {
    case 'missing':
      return [required(field, approval.reason)]
    case 'invalid':
      return [invalidValue(field, crd.metadata.annotations?.[annotation] ?? '', approval.reason)]
    case 'approved':
    case 'bypassed':
      return []
  }
}

function validatePreserve({ spec }: Crd, old: Crd | undefined): Causes {
  if (old?.spec.preserveUnknownFields === true || spec.preserveUnknownFields !== true) return []
  const words =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'
  return [invalidValue('spec.preserveUnknownFields', true, words)]
}
