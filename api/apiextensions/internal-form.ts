/**
 * A definition as upstream's validation sees it: what all versions have alike stands once at the top, so that paths in messages
 * are those of the top (`spec.validation.openAPIV3Schema`). Source: apiextensions-apiserver `pkg/apis/apiextensions/v1/conversion.go`.
 */
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { sameJson } from '../meta/causes.ts'
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  CustomResourceValidation,
  SelectableField,
} from './v1.ts'

/** What a version says besides its name and flags. */
export type VersionParts = {
  readonly schema?: CustomResourceValidation
  readonly subresources?: CustomResourceSubresources
  readonly additionalPrinterColumns?: readonly CustomResourceColumnDefinition[]
  readonly selectableFields?: readonly SelectableField[]
}

export type InternalForm = {
  /** What all versions have alike. */
  readonly top: VersionParts
  /** The versions without it. */
  readonly versions: readonly CustomResourceDefinitionVersion[]
}

const parts = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const

/** Moves to the top what all versions have alike. */
export function internalForm({ versions }: CustomResourceDefinitionSpec): InternalForm {
  const [first] = versions
  if (first === undefined) return { top: {}, versions }
  const alike = new Set<string>(
    parts.filter((part) => versions.every((version) => sameJson(version[part], first[part]))),
  )
  return {
    top: only(first, (key) => alike.has(key)),
    versions: versions.map((version) => only(version, (key) => !alike.has(key))),
  }
}

function only<T extends object, Kept extends object>(value: T, keeps: (key: string) => boolean): Kept {
  // Fields are removed, none is changed; the parts are optional in both forms.
  return Object.fromEntries(Object.entries(value).filter(([key]) => keeps(key))) as Kept
}

/** The root schema as the JSON that it is. */
export function rootSchema(validation: CustomResourceValidation | undefined): JsonObject | undefined {
  const root: unknown = validation?.openAPIV3Schema
  // The decoder has made it a schema; it is walked as JSON.
  return isJsonObject(root) ? (root as JsonObject) : undefined
}

/** All root schemas of a definition. */
export function rootSchemas({ versions }: CustomResourceDefinitionSpec): readonly JsonObject[] {
  return versions.map(({ schema }) => rootSchema(schema)).filter((schema) => schema !== undefined)
}
