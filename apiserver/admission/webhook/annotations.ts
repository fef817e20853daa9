/** What the audit log says of webhooks: who was asked, who changed the object and how, who failed. Source: upstream's `webhookAnnotator`. */
import type { Json, JsonObject } from '../../../apimachinery/json.ts'
import type { AdmissionRequest } from '../admission.ts'
import type { Hook } from './hooks.ts'

const mutation = 'mutation.webhook.admission.k8s.io/'
const patched = 'patch.webhook.admission.k8s.io/'
const failedMutation = 'failed-open.mutation.webhook.admission.k8s.io/'
const failedValidation = 'failed-open.validating.webhook.admission.k8s.io/'

/** Annotates one call of a mutating webhook; `index` is its place among all webhooks, matching or not. */
export type MutationNotes = {
  readonly mutated: (isMutated: boolean) => void
  readonly patched: (patch: Json) => void
  readonly failedOpen: () => void
}

/** The notes of the webhook at `index` in the first round (0) or the second (1). */
export function mutationNotes(
  { annotate }: AdmissionRequest,
  { configuration, webhook: { name } }: Hook,
  { round, index }: { readonly round: 0 | 1; readonly index: number },
): MutationNotes {
  const suffix = `round_${round}_index_${index}`
  const names = { configuration, webhook: name }
  return {
    mutated: (isMutated) => annotate?.(`${mutation}${suffix}`, JSON.stringify({ ...names, mutated: isMutated })),
    // The patch may hold what only those may read who may read the object.
    patched: (patch) =>
      annotate?.(
        `${patched}${suffix}`,
        JSON.stringify({ ...names, patch: sorted(patch), patchType: 'JSONPatch' }),
        'Request',
      ),
    failedOpen: () => annotate?.(`${failedMutation}${suffix}`, name),
  }
}

/** Notes that a validating webhook failed and was ignored; `index` is its place among those that matched. */
export function noteFailedOpen({ annotate }: AdmissionRequest, { webhook }: Hook, index: number): void {
  annotate?.(`${failedValidation}round_0_index_${index}`, webhook.name)
}

/** `auditAnnotations` of a webhook's answer. What has a slash in its name is none. */
export function noteAnswer({ annotate }: AdmissionRequest, { webhook }: Hook, annotations: JsonObject): void {
  for (const [key, value] of Object.entries(annotations)) {
    if (typeof value === 'string' && !key.includes('/')) annotate?.(`${webhook.name}/${key}`, value)
  }
}

/** Operations with their members in Go's order. */
function sorted(patch: Json): Json {
  if (!Array.isArray(patch)) return patch
  return patch.map((operation) => Object.fromEntries(Object.entries(operation as JsonObject).toSorted(byKey)) as Json)
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
