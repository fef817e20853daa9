/** `jsonpatch.escapeKey('a/b')`, for paths of patches in MutatingAdmissionPolicies. Source: apiserver `pkg/cel/library/jsonpatch.go`. */
import type { Library } from '../library.ts'
import { celTypes } from '../types.ts'
import { copiesFirst } from './call-costs.ts'
import { fn, stringAt } from './declare.ts'

/** A key as a reference token of RFC 6901. */
export function escapeKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

const { string } = celTypes

/** Only mutation has this library. */
export const jsonPatchLibrary: Library = {
  name: 'kubernetes.jsonpatch',
  functions: [
    {
      name: 'jsonpatch.escapeKey',
      overloads: [
        fn('string_jsonpatch_escapeKey_string', [string], string, (args) => escapeKey(stringAt(args, 0)), copiesFirst),
      ],
    },
  ],
}
