/**
 * The language in which `api/facts/` states every field of the API once, and the TypeScript types that follow from it.
 *
 *   field  = number [ "!" ] " " type { " " flag } [ " =" default ]
 *   number = protobuf field number; "2.19" is field 19 of the message embedded as field 2; 0 is not on the protobuf wire
 *   "!"    = required by the OpenAPI schema
 *   type   = scalar | definition | "[]" type | "map<" type ">"
 *   flag   = list=atomic|set|map | keys=a,b | map=atomic | patch=merge|replace|retainKeys,merge | mergeKey=name | ptr
 *            ("ptr": a Go pointer, so a zero value that was given is kept; without it Go drops zero values)
 *            | null ("null" is written where nothing is set: times that are no pointers, lists without `omitempty`)
 *   default = JSON; also Go's zero values that upstream always writes ("", 0, {}, [])
 */
import type { Json } from '../json.ts'

/** A definition as it stands in `api/facts/`. */
export type Definition = {
  readonly gvk?: { readonly group: string; readonly version: string; readonly kind: string }
  /** `x-kubernetes-map-type: atomic`: merged as one value by server-side apply. */
  readonly atomic?: true
  readonly fields: Readonly<Record<string, string>>
}

/** The TypeScript type of each scalar of the language. */
export type Scalars = {
  string: string
  bool: boolean
  int32: number
  int64: number
  double: number
  /** Base64. */
  bytes: string
  /** Canonical text, such as `100m`. */
  quantity: string
  intOrString: number | string
  /** RFC 3339, seconds, UTC. */
  time: string
  /** RFC 3339 with six digits of fraction, UTC. */
  microTime: string
  json: Json
  rawExtension: { readonly [field: string]: Json }
  fieldsV1: { readonly [field: string]: Json }
  schemaOrArray: Json
  schemaOrBool: Json
  schemaOrStrings: Json
}

// The conditional types below read the language above; they are the only ones of the project.
type Table = Readonly<Record<string, Definition>>
type TypeText<Spec> = Spec extends `${string} ${infer Rest}`
  ? Rest extends `${infer Type} ${string}`
    ? Type
    : Rest
  : never
type Value<D extends Table, Text, Mode> = Text extends `[]${infer Item}`
  ? readonly Value<D, Item, Mode>[]
  : Text extends `map<${infer Item}>`
    ? { readonly [key: string]: Value<D, Item, Mode> }
    : Text extends keyof Scalars
      ? Scalars[Text]
      : Text extends keyof D
        ? Mode extends 'read'
          ? ApiType<D, Text>
          : DraftType<D, Text>
        : never
type Nullable<Spec> = Spec extends `${string} null` ? null : never
type RequiredKey<Fields, Mode> = {
  [Key in keyof Fields]: Fields[Key] extends `${string}! ${string}`
    ? Key
    : Mode extends 'read'
      ? Fields[Key] extends `${string} =${string}`
        ? Key
        : never
      : never
}[keyof Fields]
type Flat<T> = { [Key in keyof T]: T[Key] }
type Struct<D extends Table, Fields, Mode> = Flat<
  { readonly [Key in RequiredKey<Fields, Mode>]: Value<D, TypeText<Fields[Key]>, Mode> | Nullable<Fields[Key]> } & {
    readonly [Key in Exclude<keyof Fields, RequiredKey<Fields, Mode>>]?:
      | Value<D, TypeText<Fields[Key]>, Mode>
      | Nullable<Fields[Key]>
  }
>
type ApiVersion<Group extends string, Version extends string> = Group extends '' ? Version : `${Group}/${Version}`
type TypeMeta<Gvk> = Gvk extends {
  readonly group: infer Group extends string
  readonly version: infer Version extends string
  readonly kind: infer Kind extends string
}
  ? { readonly apiVersion: ApiVersion<Group, Version>; readonly kind: Kind }
  : never
/** What the server has filled in on every stored object. */
type StoredMeta = {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationTimestamp: string
}
type ObjectMetaOf<D extends Table> = 'meta.v1.ObjectMeta' extends keyof D ? ApiType<D, 'meta.v1.ObjectMeta'> : never
type TopLevelMeta<D extends Table, Fields> = Fields extends {
  readonly metadata: `${string} meta.v1.ObjectMeta${string}`
}
  ? { readonly metadata: Flat<Omit<ObjectMetaOf<D>, keyof StoredMeta> & StoredMeta> }
  : Fields extends { readonly metadata: string }
    ? { readonly metadata: Value<D, TypeText<Fields['metadata']>, 'read'> }
    : unknown

/** An object as the API server returns it: fields with a default are present. */
export type ApiType<D extends Table, Name extends keyof D> = D[Name] extends { readonly gvk: infer Gvk }
  ? Flat<
      TypeMeta<Gvk> &
        TopLevelMeta<D, D[Name]['fields']> &
        Omit<Struct<D, D[Name]['fields'], 'read'>, 'apiVersion' | 'kind' | 'metadata'>
    >
  : Struct<D, D[Name]['fields'], 'read'>

/** An object as a client may send it: fields with a default may be absent. */
export type DraftType<D extends Table, Name extends keyof D> = D[Name] extends { readonly gvk: infer Gvk }
  ? Flat<TypeMeta<Gvk> & Omit<Struct<D, D[Name]['fields'], 'draft'>, 'apiVersion' | 'kind'>>
  : Struct<D, D[Name]['fields'], 'draft'>
