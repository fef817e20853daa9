/** The condition of a FlowSchema that says whether its priority level is there. Pure. Source: upstream's `presyncFlowSchemaStatus`. */
import type { FlowSchema } from '../../api/flowcontrol/v1.ts'

export type DanglingCondition = {
  readonly type: 'Dangling'
  readonly status: 'True' | 'False'
  readonly lastTransitionTime: string
  readonly reason: 'Found' | 'NotFound'
  readonly message: string
}

/** The condition to write; `undefined` when it stands there already. */
export function danglingCondition(
  { spec, status }: FlowSchema,
  levels: ReadonlySet<string>,
  time: string,
): DanglingCondition | undefined {
  const { name } = spec.priorityLevelConfiguration
  const known = levels.has(name)
  const wanted: DanglingCondition = {
    type: 'Dangling',
    status: known ? 'False' : 'True',
    lastTransitionTime: time,
    reason: known ? 'Found' : 'NotFound',
    message:
      `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)} ` +
      (known ? 'and it exists' : 'but there is no such object'),
  }
  const old = status.conditions?.find(({ type }) => type === 'Dangling')
  const isSame = old?.status === wanted.status && old.reason === wanted.reason && old.message === wanted.message
  return isSame ? undefined : wanted
}

const windowMs = 60_000
const mostPerWindow = 6

/** Keeps servers that disagree from writing against each other without end. */
export class UpdatePace {
  #recent: readonly { readonly name: string; readonly atMs: number }[] = []

  /** Whether one more update of this object is due now; notes it. */
  allows(name: string, nowMs: number): boolean {
    this.#recent = this.#recent.filter(({ atMs }) => nowMs - atMs <= windowMs)
    if (this.#recent.filter((update) => update.name === name).length >= mostPerWindow) return false
    this.#recent = [...this.#recent, { name, atMs: nowMs }]
    return true
  }
}
