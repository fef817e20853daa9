/** `semver('1.2.3').isLessThan(semver('1.10.0'))`. Source: apiserver `pkg/cel/library/semverlib.go`, version 1. */
import { CelError, noSuchOverload } from '../errors.ts'
import type { Library, Overload } from '../library.ts'
import { type CelType, celTypes, objectType } from '../types.ts'
import type { CelValue, OpaqueValue } from '../values.ts'
import { nominal, readsFirst } from './call-costs.ts'
import { boolAt, fn, method, ownAt, stringAt } from './declare.ts'
import {
  compareVersions,
  normalizeVersion,
  parseSemanticVersion,
  type SemanticVersion,
  SemanticVersionError,
} from './semantic-version.ts'

/** The type of semantic versions. */
export const semverType = objectType('kubernetes.Semver')

/** A semantic version as a value. */
export class SemverValue implements OpaqueValue {
  readonly kind = 'opaque'
  readonly typeName = 'kubernetes.Semver'
  readonly version: SemanticVersion

  constructor(version: SemanticVersion) {
    this.version = version
  }

  equals(other: CelValue): boolean {
    if (!(other instanceof SemverValue)) throw noSuchOverload()
    return compareVersions(this.version, other.version) === 0
  }
}

function read(args: readonly CelValue[]): SemverValue {
  const text = stringAt(args, 0)
  const normalize = args.length > 1 && boolAt(args, 1)
  try {
    return new SemverValue(parseSemanticVersion(normalize ? normalizeVersion(text) : text))
  } catch (error) {
    if (!(error instanceof SemanticVersionError)) throw error
    throw new CelError(error.message)
  }
}

function isSemver(args: readonly CelValue[]): boolean {
  try {
    read(args)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}

const { string, bool, int } = celTypes

/** Parts are uint64 upstream and shown as int64. */
function part(name: 'major' | 'minor' | 'patch') {
  const call: Overload['call'] = (args) => BigInt.asIntN(64, ownAt(args, 0, SemverValue).version[name])
  return { name, overloads: [method(`semver_${name}`, [semverType], int, call, nominal)] }
}

function comparison(id: string, result: CelType, value: (order: number) => CelValue): Overload {
  const call: Overload['call'] = (args) =>
    value(compareVersions(ownAt(args, 0, SemverValue).version, ownAt(args, 1, SemverValue).version))
  return method(id, [semverType, semverType], result, call, nominal)
}

/** Functions on semantic versions. */
export const semverLibrary: Library = {
  name: 'kubernetes.Semver',
  functions: [
    {
      name: 'semver',
      overloads: [
        fn('string_to_semver', [string], semverType, read, readsFirst),
        fn('string_bool_to_semver', [string, bool], semverType, read, readsFirst),
      ],
    },
    {
      name: 'isSemver',
      overloads: [
        fn('is_semver_string', [string], bool, isSemver, readsFirst),
        fn('is_semver_string_bool', [string, bool], bool, isSemver, readsFirst),
      ],
    },
    { name: 'isGreaterThan', overloads: [comparison('semver_is_greater_than', bool, (order) => order > 0)] },
    { name: 'isLessThan', overloads: [comparison('semver_is_less_than', bool, (order) => order < 0)] },
    { name: 'compareTo', overloads: [comparison('semver_compare_to', int, (order) => BigInt(Math.sign(order)))] },
    part('major'),
    part('minor'),
    part('patch'),
  ],
}
