/** A pod from a manifest on this node, with the structure and defaults that the API server would give it. */

import { defaultPodSpec } from '../../api/core/pod-defaults.ts'
import type { Pod } from '../../api/core/v1.ts'
import { definitions } from '../../api/facts/table.ts'
import { decodeObject } from '../../apimachinery/schema/decode.ts'
import { compileSchema, type Schemas } from '../../apimachinery/schema/schema.ts'

let compiled: Schemas | undefined

/** Throws when the manifest is no pod. Fields that a pod does not have are dropped. */
export function decodePod(manifest: object): Pod {
  compiled ??= compileSchema(definitions)
  const { object } = decodeObject(compiled, 'core.v1.Pod', manifest, { fieldValidation: 'Ignore' })
  // The decoder has checked every field against the definition of a pod.
  const pod = object as unknown as Pod
  if (pod.spec.containers.length === 0) throw new Error('spec.containers: Required value')
  return { ...pod, spec: defaultPodSpec(pod.spec) }
}
