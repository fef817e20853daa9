/** What stands in the status of Ingresses. Pure. */
import type { Ingress } from '../../api/networking/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'

/** Where clients reach us. */
export type Published = readonly ({ readonly ip: string } | { readonly hostname: string })[]
export type Observed = {
  readonly ingress: Ingress
  readonly isOurs: boolean
  readonly published: Published
}
export type Action = { readonly type: 'setStatus'; readonly ingress: Ingress; readonly published: Published }

/** Ours say where we are; one that is ours no more must not go on saying it. */
export function plan({ ingress, isOurs, published }: Observed): Plan<Action> {
  const before = textOf(ingress.status.loadBalancer?.ingress ?? [])
  const ours = textOf(published)
  if (ingress.metadata.deletionTimestamp !== undefined) return { actions: [] }
  if (isOurs) return { actions: before === ours ? [] : [{ type: 'setStatus', ingress, published }] }
  const isLeftBehind = before !== '' && before === ours
  return { actions: isLeftBehind ? [{ type: 'setStatus', ingress, published: [] }] : [] }
}

function textOf(entries: readonly { readonly ip?: string; readonly hostname?: string }[]): string {
  return entries.map(({ ip = '', hostname = '' }) => `${ip}${hostname}`).join()
}
