/** Which changes the bootstrap configuration needs in the cluster. Pure. Source: upstream's flowcontrol ensurer. */
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject } from '../../api/resource.ts'
import type { ConfigurationObject } from './suggested.ts'

/** `"true"`: the server keeps the spec as it ships it; `"false"`: it is the admin's. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec'

type WithSpec = ApiObject & { readonly spec?: unknown }

/** The object as it is created. */
export function draftOf({ name, spec }: ConfigurationObject): {
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> }
  readonly spec: object
} {
  return { metadata: { name, annotations: { [autoUpdateAnnotation]: 'true' } }, spec }
}

/** The object as it should be; the object itself when nothing needs to change. */
export function revise(current: WithSpec, wanted: ConfigurationObject): ApiObject {
  const updates = wanted.isMandatory || updatesSpec(current)
  const told = annotationOf(current) === updates
  const differs = updates && !isSpec(wanted, current.spec)
  if (told && !differs) return current
  const { annotations = {}, ...metadata } = current.metadata
  const value = told ? {} : { [autoUpdateAnnotation]: String(updates) }
  const next: WithSpec = {
    ...current,
    metadata: { ...metadata, annotations: { ...annotations, ...value } },
    ...(differs ? { spec: wanted.spec } : {}),
  }
  return next
}

/** Objects that an earlier release shipped, and that nobody has taken over. */
export function unwanted(current: readonly ApiObject[], wanted: readonly ConfigurationObject[]): readonly ApiObject[] {
  const names = new Set(wanted.map(({ name }) => name))
  return current.filter((object) => !names.has(object.metadata.name) && annotationOf(object) === true)
}

/** Without a word from the admin, a spec that nobody has changed is ours. */
function updatesSpec(object: ApiObject): boolean {
  return annotationOf(object) ?? object.metadata.generation === 1
}

const trueWords = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const falseWords = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

function annotationOf({ metadata }: ApiObject): boolean | undefined {
  const value = metadata.annotations?.[autoUpdateAnnotation] ?? ''
  if (trueWords.has(value)) return true
  return falseWords.has(value) ? false : undefined
}

/** Admins may give the level `exempt` shares of its own. */
function isSpec({ name, plural, spec }: ConfigurationObject, actual: unknown): boolean {
  if (plural === 'flowschemas' || name !== 'exempt') return sameJson(spec, actual)
  const fields = new Map(Object.entries(actual ?? {}))
  return fields.get('type') === 'Exempt' && fields.get('exempt') !== undefined && fields.get('limited') === undefined
}
