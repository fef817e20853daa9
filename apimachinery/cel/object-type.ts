/** Declared structs: what a schema or a table of fields tells the checker about `object.spec`. */
import type { CelType } from './types.ts'
import type { CelValue } from './values.ts'

/** One property of a declared struct. */
export type ObjectField = {
  readonly type: CelType
  /** The property's name in JSON where it differs from the CEL name, as `a-b` from `a__dash__b`. */
  readonly jsonName?: string
}

/** A declared struct. The keys of `fields` are names as CEL spells them (already escaped). */
export type ObjectType = {
  readonly name: string
  readonly fields: ReadonlyMap<string, ObjectField>
  /** The type of fields that `fields` does not name; without it they do not exist. */
  readonly otherFields?: CelType
  /** Makes a value from `Name{field: value}`; without it the struct cannot be written as a literal. */
  readonly create?: (fields: ReadonlyMap<string, CelValue>) => CelValue
}

/** Finds declared structs by name. */
export type TypeProvider = {
  readonly find: (name: string) => ObjectType | undefined
}

/** A provider without structs. */
export const noTypes: TypeProvider = { find: () => undefined }

/** A provider of a fixed set of structs. */
export function typesByName(types: Iterable<ObjectType>): TypeProvider {
  const byName = new Map([...types].map((type) => [type.name, type]))
  return { find: (name) => byName.get(name) }
}

/** Asks several providers in turn. */
export function firstOf(providers: readonly TypeProvider[]): TypeProvider {
  return {
    find: (name) => {
      for (const provider of providers) {
        const found = provider.find(name)
        if (found !== undefined) return found
      }
      return undefined
    },
  }
}

/** The type of a field by its CEL name. */
export function fieldType(type: ObjectType, name: string): CelType | undefined {
  return type.fields.get(name)?.type ?? type.otherFields
}
