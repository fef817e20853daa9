/** From a CustomResourceDefinition to what the API server serves: one `Resource` and one `Struct` per version. Pure. */
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../api/apiextensions/v1.ts'
import type { ResourceFacts, SubresourceFacts } from '../../api/facts/resources.ts'
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { findFirst, parseJsonPath } from '../../apimachinery/json-path.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { compileCustom, customDefinition } from '../../apimachinery/schema/custom.ts'
import type { Schemas, Struct } from '../../apimachinery/schema/schema.ts'
import { schemaAt } from '../../apimachinery/schema/structural.ts'
import { validateListTypes, validateValue } from '../../apimachinery/schema/validate.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { columnsOf } from './columns.ts'
import type { Convert } from './conversion.ts'
import { type ScalePaths, scaleCauses } from './scale.ts'

/** One version of a custom kind, ready to be served. */
export type CustomVersion = {
  readonly resource: Resource
  readonly struct: Struct
  readonly served: boolean
  readonly scale: ScalePaths | undefined
}

/** All versions of a definition; those that are not served are needed to read what is stored. */
export function customVersions(
  schemas: Schemas,
  crd: CustomResourceDefinition,
  convert?: Convert,
): readonly CustomVersion[] {
  const storage = crd.spec.versions.find((version) => version.storage) ?? crd.spec.versions[0]
  if (storage === undefined) return []
  return crd.spec.versions.map((version) =>
    customVersion(schemas, crd, version, { storage: factsOf(crd, storage), convert }),
  )
}

/** Where objects of the definition are stored. */
export function customPrefix({ spec }: CustomResourceDefinition): string {
  return `/registry/${spec.group}/${spec.names.plural}`
}

const objectVerbs = ['get', 'patch', 'update']
const verbsOfTerminating = ['delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

function factsOf(crd: CustomResourceDefinition, version: CustomResourceDefinitionVersion): ResourceFacts {
  const { spec, metadata, status } = crd
  const { kind, plural, singular, listKind, shortNames, categories } = status.acceptedNames ?? spec.names
  return {
    group: spec.group,
    version: version.name,
    kind,
    plural,
    singular: singular ?? '',
    listKind: listKind ?? `${kind}List`,
    namespaced: spec.scope === 'Namespaced',
    ...(shortNames === undefined ? {} : { shortNames }),
    ...(categories === undefined ? {} : { categories }),
    ...(metadata.deletionTimestamp === undefined ? {} : { verbs: verbsOfTerminating }),
    subresources: subresourcesOf(version, { group: spec.group, version: version.name, kind }),
    storagePrefix: customPrefix(crd),
  }
}

function subresourcesOf(
  { subresources }: CustomResourceDefinitionVersion,
  own: { readonly group: string; readonly version: string; readonly kind: string },
): Readonly<Record<string, SubresourceFacts>> {
  return {
    ...(subresources?.status === undefined ? {} : { status: { ...own, verbs: objectVerbs } }),
    ...(subresources?.scale === undefined
      ? {}
      : { scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: objectVerbs } }),
  }
}

function customVersion(
  schemas: Schemas,
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  { storage, convert }: { readonly storage: ResourceFacts; readonly convert: Convert | undefined },
): CustomVersion {
  const facts = factsOf(crd, version)
  const root = version.schema?.openAPIV3Schema
  // The decoder has made it a schema; it is walked as JSON.
  const schema = isJsonObject(root) ? (root as JsonObject) : {}
  const struct = compileCustom(schemas, { group: facts.group, version: facts.version, kind: facts.kind, schema })
  const { scale } = version.subresources ?? {}
  const validate = (object: ApiObject, old?: ApiObject): readonly StatusCause[] =>
    validateObject(schema, scale, object, old)
  const resource: Resource = {
    facts,
    definition: customDefinition(facts),
    isCustom: true,
    hasGeneration: true,
    validateName: (name) => isDns1123Subdomain(name),
    validate: (object) => validate(object),
    validateUpdate: validate,
    validateStatusUpdate: (object, old) => validateStatus(schema, scale, object, old),
    warnings: (object, old) => finalizerWarnings(object, old),
    ...(version.subresources?.status === undefined ? { prepareForUpdate: bumpOnAnyChange } : {}),
    columns: columnsOf(version.additionalPrinterColumns),
    ...selectable(version),
    ...(version.deprecated === true ? { deprecation: deprecationOf(facts, version) } : {}),
    storedAs: {
      facts: storage,
      definition: customDefinition(storage),
      toStored: (object) => withVersion(object, storage),
      fromStored: (object) => readable(struct, withVersion(object, facts)),
      ...(convert === undefined ? {} : { convert }),
    },
  }
  return { resource, struct, served: version.served, scale }
}

function deprecationOf(
  { group, version, kind }: ResourceFacts,
  { deprecationWarning }: CustomResourceDefinitionVersion,
): string {
  return deprecationWarning ?? `${group}/${version} ${kind} is deprecated`
}

function withVersion(object: ApiObject, { group, version }: ResourceFacts): ApiObject {
  const apiVersion = `${group}/${version}`
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion }
}

/** Stored objects may be older than the schema: what it no longer has goes, what it has gained is filled in. */
function readable({ custom }: Struct, object: ApiObject): ApiObject {
  if (custom === undefined) return object
  // API objects are JSON.
  const json = object as unknown as JsonObject
  return custom.fillDefaults(custom.prune(json)) as unknown as ApiObject
}

function validateObject(
  schema: JsonObject,
  scale: ScalePaths | undefined,
  object: ApiObject,
  old: ApiObject | undefined,
): readonly StatusCause[] {
  const value = object as unknown as JsonObject
  const before = old as unknown as JsonObject | undefined
  const hadDoubled = before !== undefined && validateListTypes(schema, before).length > 0
  return [
    ...validateValue(schema, value, before),
    ...(scale === undefined ? [] : scaleCauses(scale, value)),
    ...(hadDoubled ? [] : validateListTypes(schema, value)),
  ]
}

/** Only the status is looked at, and paths in the text begin there. */
function validateStatus(
  schema: JsonObject,
  scale: ScalePaths | undefined,
  object: ApiObject,
  old: ApiObject,
): readonly StatusCause[] {
  const value = (object as unknown as JsonObject)['status']
  const before = (old as unknown as JsonObject)['status']
  const inner = schemaAt(schemaAt(schema, 'properties'), 'status')
  const causes = value === undefined || inner === undefined ? [] : validateValue(inner, value, before)
  const below = causes.map((cause) => ({
    ...cause,
    field: cause.field === undefined || cause.field === '<nil>' ? 'status' : `status.${cause.field}`,
  }))
  const onlyStatus = scale === undefined ? undefined : { ...scale, specReplicasPath: '' }
  return [...below, ...(onlyStatus === undefined ? [] : scaleCauses(onlyStatus, object as unknown as JsonObject))]
}

const standardFinalizers = ['orphan', 'foregroundDeletion', 'kubernetes']

/** Source: customresource `validateKubeFinalizerName`. */
function finalizerWarnings({ metadata }: ApiObject, old: ApiObject | undefined): readonly string[] {
  const before = old?.metadata.finalizers ?? []
  const added = (metadata.finalizers ?? []).filter((name) => !before.includes(name)).toSorted()
  return added
    .filter((name) => !name.includes('/') && !standardFinalizers.includes(name))
    .map((name) => {
      const path = name.includes('.') ? ' including a path (/)' : ''
      const words = `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`
      return `metadata.finalizers: ${JSON.stringify(name)}: ${words}`
    })
}

/** Without a status subresource every change but that of metadata is a new generation. */
function bumpOnAnyChange(object: ApiObject, old: ApiObject): ApiObject {
  const body = ({ metadata: _, ...rest }: ApiObject): object => rest
  if (sameJson(body(object), body(old))) return object
  return { ...object, metadata: { ...object.metadata, generation: (old.metadata.generation ?? 0) + 1 } }
}

function selectable({ selectableFields }: CustomResourceDefinitionVersion): Pick<Resource, 'selectableFields'> {
  if (selectableFields === undefined || selectableFields.length === 0) return {}
  const entries = selectableFields.map(({ jsonPath }) => {
    const path = parseJsonPath(jsonPath)
    const read = (object: ApiObject): string => {
      const value = path === undefined ? undefined : findFirst(path, object as unknown as Json)
      return value === undefined || value === null ? '' : String(value)
    }
    return [jsonPath.replace(/^\./, ''), read] as const
  })
  return { selectableFields: Object.fromEntries(entries) }
}
