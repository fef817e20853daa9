/** The options of a write as policies and webhooks see them. Pure. */
import type { JsonObject } from '../../apimachinery/json.ts'

/** What came in the query; what was not said is not there. Source: upstream's `patchToUpdateOptions`. */
export function writeOptionsObject(query: URLSearchParams, kind: 'CreateOptions' | 'UpdateOptions'): JsonObject {
  const fieldManager = query.get('fieldManager') ?? ''
  const fieldValidation = query.get('fieldValidation') ?? ''
  return {
    kind,
    apiVersion: 'meta.k8s.io/v1',
    ...(query.getAll('dryRun').includes('All') ? { dryRun: ['All'] } : {}),
    ...(fieldManager === '' ? {} : { fieldManager }),
    ...(fieldValidation === '' ? {} : { fieldValidation }),
  }
}
