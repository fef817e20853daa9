/** Creating an object: decode → defaults → mutating admission → prepare → validate → validating admission → store. */
import { randomUUID } from 'node:crypto'
import { validateObjectMeta } from '../../api/meta/validation.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { generateName } from '../../apimachinery/names.ts'
import { alreadyExists, hasReason, StatusError } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { decodeResource } from './decode.ts'
import { storageKey, storagePrefix } from './keys.ts'
import type { CreateOptions, StoreDependencies } from './store.ts'
import { forCreate, inOrder, prepareForCreate, withEmptyStatus, withNamespace } from './system-fields.ts'
import { askedBy, managed, refuseIfAny, settling, write } from './writing.ts'

/** How often a generated name may meet one that exists. Source: `maxNameGenerationCreateAttempts`. */
const maxNameAttempts = 8

/** Decodes a draft, gives it its name and stores it, if nobody objects. */
export async function create(
  dependencies: StoreDependencies,
  resource: Resource,
  namespace: string,
  draft: object,
  options: CreateOptions,
  signal: AbortSignal,
): Promise<ApiObject> {
  const decoded = decodeResource(dependencies.schemas, resource, {
    value: draft,
    fieldValidation: options.fieldValidation ?? 'Ignore',
    ...(options.duplicates === undefined ? {} : { duplicates: options.duplicates }),
    ...(options.warn === undefined ? {} : { warn: options.warn }),
  })
  options.audit?.requestObject(decoded)
  const placed = withNamespace(decoded, resource, namespace)
  const { name = '', generateName: base = '' } = placed.metadata
  const isGenerated = name === '' && base !== ''
  for (let attempt = 1; ; attempt++) {
    const chosen = isGenerated ? generateName(base, dependencies.random) : name
    try {
      return await createNamed(dependencies, resource, placed, chosen, options, signal)
    } catch (error) {
      if (!isGenerated || !hasReason(error, 'AlreadyExists')) throw error
      if (attempt >= maxNameAttempts) throw noNameLeft(error)
    }
  }
}

function noNameLeft(error: StatusError): StatusError {
  const message = `${error.message}, the server was not able to generate a unique name for the object`
  return new StatusError('AlreadyExists', message, error.details)
}

async function createNamed(
  dependencies: StoreDependencies,
  resource: Resource,
  placed: ApiObject,
  name: string,
  options: CreateOptions,
  signal: AbortSignal,
): Promise<ApiObject> {
  const time = formatTime(dependencies.clock.now())
  const identified = forCreate(placed, { name, uid: randomUUID(), time })
  const started = managed(dependencies, resource, undefined, identified, options, time)
  const request: AdmissionRequest = {
    operation: 'CREATE',
    resource,
    subresource: '',
    namespace: started.metadata.namespace ?? '',
    name,
    object: started,
    ...askedBy(options),
  }
  return await settling(dependencies, options, request, async (admission) => {
    const admitted = (await admission.mutate(request, signal)) ?? started
    const object = { ...request, object: admitted }
    return await storeNew({ ...dependencies, admission: () => admission }, resource, object, options, signal)
  })
}

async function storeNew(
  { admission, storage, caches, schemas }: StoreDependencies,
  resource: Resource,
  request: AdmissionRequest & { readonly object: ApiObject },
  options: CreateOptions,
  signal: AbortSignal,
): Promise<ApiObject> {
  const object = inOrder(withEmptyStatus(schemas, resource, prepareForCreate(resource, request.object)))
  refuseIfAny(resource, object, [...validateObjectMeta(object, resource), ...(resource.validate?.(object) ?? [])])
  for (const warning of resource.warnings?.(object, undefined) ?? []) options.warn?.(warning)
  await admission().validate({ ...request, object }, signal)
  if (options.dryRun === true) {
    await refuseIfTaken(caches, resource, object)
    return object
  }
  const written = await write({ storage, caches }, resource, object, 0, signal)
  if (written.type === 'written') return written.entry.view(resource).object
  throw taken(resource, object, written.current)
}

/** Source: `Store.Create`, which looks at what is there already. */
function taken(resource: Resource, { metadata }: ApiObject, current: CacheEntry | undefined): StatusError {
  const error = alreadyExists(resource.facts, metadata.name)
  return current?.view(resource).object.metadata.deletionTimestamp === undefined
    ? error
    : new StatusError('AlreadyExists', `object is being deleted: ${error.message}`, error.details)
}

async function refuseIfTaken(caches: WatchCache, resource: Resource, object: ApiObject): Promise<void> {
  const { metadata } = object
  await caches.fresh()
  const key = storageKey(resource, metadata.namespace ?? '', metadata.name)
  const current = caches.cache(storagePrefix(resource)).get(key)
  if (current !== undefined) throw taken(resource, object, current)
}
