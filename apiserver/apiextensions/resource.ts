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
import { forbidden } from '../../apimachinery/status.ts'
import type { TimeLimit } from '../cel/time-limit.ts'
import { byVersionPriority } from '../registry/resource-registry.ts'
import { columnsOf } from './columns.ts'
import type { Convert } from './conversion.ts'
import type { ScalePaths } from './scale.ts'
import { customValidation } from './validation.ts'

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
  timeLimit?: TimeLimit,
): readonly CustomVersion[] {
  const storage = crd.spec.versions.find((version) => version.storage) ?? crd.spec.versions[0]
  if (storage === undefined) return []
  return crd.spec.versions.map((version) =>
    customVersion(schemas, crd, version, { storage: factsOf(crd, storage), convert, timeLimit }),
  )
}

/** Where objects of the definition are stored. */
export function customPrefix({ spec }: CustomResourceDefinition): string {
  return `/registry/${spec.group}/${spec.names.plural}`
}

const objectVerbs = ['get', 'patch', 'update']
/** In upstream's order, which is another than that of built-in kinds. */
const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch']
const verbsOfTerminating = ['delete', 'deletecollection', 'get', 'list', 'watch']

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
    verbs: metadata.deletionTimestamp === undefined ? verbs : verbsOfTerminating,
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

type VersionContext = {
  readonly storage: ResourceFacts
  readonly convert: Convert | undefined
  readonly timeLimit: TimeLimit | undefined
}

function customVersion(
  schemas: Schemas,
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  { storage, convert, timeLimit }: VersionContext,
): CustomVersion {
  const facts = factsOf(crd, version)
  const root = version.schema?.openAPIV3Schema
  // The decoder has made it a schema; it is walked as JSON.
  const schema = isJsonObject(root) ? (root as JsonObject) : {}
  const struct = compileCustom(schemas, {
    group: facts.group,
    version: facts.version,
    kind: facts.kind,
    schema,
    published: {
      plural: facts.plural,
      listKind: facts.listKind ?? `${facts.kind}List`,
      selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, '')),
    },
  })
  const { scale } = version.subresources ?? {}
  const { validate, validateUpdate, validateStatus, warningsOf } = customValidation(schema, scale, timeLimit)
  const resource: Resource = {
    facts,
    definition: customDefinition(facts),
    isCustom: true,
    hasGeneration: true,
    requiresResourceVersion: true,
    validateName: (name) => isDns1123Subdomain(name),
    validate,
    validateUpdate,
    validateStatusUpdate: validateStatus,
    warnings: warningsOf,
    ...(version.subresources?.status === undefined ? { prepareForUpdate: bumpOnAnyChange } : {}),
    columns: columnsOf(version.additionalPrinterColumns),
    ...selectable(version),
    ...(crd.metadata.deletionTimestamp === undefined ? {} : { prepareForCreate: refuseNew(facts) }),
    ...(version.deprecated === true ? { deprecation: deprecationOf(facts, version, crd) } : {}),
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

/** Nothing new comes to a definition that goes. Source: `forbidCreateAdmission`. */
function refuseNew(facts: ResourceFacts): (object: ApiObject) => never {
  return ({ metadata }) => {
    throw forbidden(facts, metadata.name, 'create not allowed while custom resource definition is terminating')
  }
}

/** Without words of its own, names the newest version that is not older, served and not deprecated. */
function deprecationOf(
  { group, version, kind }: ResourceFacts,
  { deprecationWarning }: CustomResourceDefinitionVersion,
  { spec }: CustomResourceDefinition,
): string {
  if (deprecationWarning !== undefined) return deprecationWarning
  const [better] = spec.versions
    .filter(({ served, deprecated, name }) => served && deprecated !== true && byVersionPriority(name, version) < 0)
    .map(({ name }) => name)
    .toSorted(byVersionPriority)
  const use = better === undefined ? '' : `; use ${group}/${better} ${kind}`
  return `${group}/${version} ${kind} is deprecated${use}`
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
