/** The configured webhooks, in the order in which they are called. */
import type { CompiledExpression } from '../../../api/admissionregistration/cel/compiler.ts'
import type { MutatingWebhook, ValidatingWebhook } from '../../../api/admissionregistration/v1.ts'
import { type Selector, selectorFromLabelSelector } from '../../../apimachinery/selector/labels.ts'
import type { ObjectReader } from '../../registry/reader.ts'
import { type kinds, readAll } from '../../registry/typed-reader.ts'
import { compileConditions } from '../match-conditions.ts'

/** One webhook, ready to be asked. */
export type Hook = {
  /** Unlike its name, only its own. */
  readonly uid: string
  /** The name of the configuration that it is in. */
  readonly configuration: string
  readonly webhook: ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>
  readonly namespaceSelector: Selector
  readonly objectSelector: Selector
  readonly conditions: readonly CompiledExpression[]
}
type HookKind = typeof kinds.mutatingWebhookConfigurations | typeof kinds.validatingWebhookConfigurations

/** Reads the hooks of all configurations of a kind, sorted by configuration; read anew only when one has changed. */
export function hookReader(reader: ObjectReader, kind: HookKind): () => readonly Hook[] {
  let revision = -1
  let hooks: readonly Hook[] = []
  return () => {
    const current = reader.revision(kind.facts)
    if (current !== revision) {
      hooks = readAll(reader, kind)
        .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        .flatMap(({ metadata, webhooks }) => (webhooks ?? []).map((webhook, at) => hookOf(metadata.name, webhook, at)))
      revision = current
    }
    return hooks
  }
}

function hookOf(configuration: string, webhook: Hook['webhook'], at: number): Hook {
  return {
    uid: `${configuration}/${webhook.name}/${at}`,
    configuration,
    webhook,
    namespaceSelector: selectorFromLabelSelector(webhook.namespaceSelector ?? {}),
    objectSelector: selectorFromLabelSelector(webhook.objectSelector ?? {}),
    conditions: compileConditions(webhook.matchConditions),
  }
}
