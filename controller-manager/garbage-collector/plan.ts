/**
 * What becomes of an object whose owners go away. The graph may be behind the server, so a plan that would delete only asks
 * for a closer look (`collect`), and `decide` judges by what the server itself says. Pure.
 */
import type { OwnerReference } from '../../api/resource.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { blocksDeletion, foregroundFinalizer, type GraphNode, isDeletingDependents, orphanFinalizer } from './graph.ts'

/** Everything the decision depends on. */
export type Observed = {
  readonly node: GraphNode
  readonly dependents: readonly GraphNode[]
  /** The owners that the graph knows. */
  readonly owners: readonly GraphNode[]
}

export type Action =
  | { readonly type: 'orphanDependents'; readonly node: GraphNode; readonly dependents: readonly GraphNode[] }
  | { readonly type: 'removeFinalizer'; readonly node: GraphNode; readonly finalizer: string }
  | { readonly type: 'wake'; readonly nodes: readonly GraphNode[] }
  | { readonly type: 'collect'; readonly node: GraphNode; readonly dependents: readonly GraphNode[] }

/** One object at a time; what follows for others is found when they are woken. */
export function plan({ node, dependents, owners }: Observed): Plan<Action> {
  if (node.isBeingDeleted) return { actions: planDeleted(node, dependents) }
  const isHeld = node.owners.every(({ uid, blockOwnerDeletion }) => {
    const owner = owners.find((known) => known.uid === uid)
    return owner !== undefined && !(isDeletingDependents(owner) && blockOwnerDeletion === true)
  })
  return { actions: isHeld ? [] : [{ type: 'collect', node, dependents }] }
}

function planDeleted(node: GraphNode, dependents: readonly GraphNode[]): readonly Action[] {
  if (node.finalizers.includes(orphanFinalizer)) {
    return [
      { type: 'orphanDependents', node, dependents },
      { type: 'removeFinalizer', node, finalizer: orphanFinalizer },
    ]
  }
  if (!node.finalizers.includes(foregroundFinalizer)) return []
  const blocking = dependents.filter((dependent) => blocksDeletion(dependent, node.uid))
  if (blocking.length === 0) return [{ type: 'removeFinalizer', node, finalizer: foregroundFinalizer }]
  const untouched = blocking.filter((dependent) => !isDeletingDependents(dependent))
  return untouched.length === 0 ? [] : [{ type: 'wake', nodes: untouched }]
}

/** What the server says of one owner. */
export type OwnerState = 'solid' | 'absent' | 'waiting'

/** How the object, as the server has it now, is dealt with. */
export type Decision =
  | { readonly type: 'keep' }
  /** Some owners are gone, others stay: the references to the gone ones are removed. */
  | { readonly type: 'dropOwners'; readonly uids: readonly string[] }
  | { readonly type: 'delete'; readonly policy: 'Orphan' | 'Foreground' | 'Background'; readonly unblock: boolean }

/** Judges by the states of the owners, as the server has them now. */
export function decide(
  object: { readonly owners: readonly OwnerReference[]; readonly finalizers: readonly string[] },
  stateOf: (owner: OwnerReference) => OwnerState,
  dependents: readonly GraphNode[],
): Decision {
  const by = (state: OwnerState): readonly OwnerReference[] => object.owners.filter((owner) => stateOf(owner) === state)
  const gone = [...by('absent'), ...by('waiting')]
  if (gone.length === 0) return { type: 'keep' }
  if (by('solid').length > 0) return { type: 'dropOwners', uids: gone.map(({ uid }) => uid) }
  if (by('waiting').length > 0 && dependents.length > 0) {
    // A circle of owners that wait for one another would never end.
    return { type: 'delete', policy: 'Foreground', unblock: dependents.some(isDeletingDependents) }
  }
  return { type: 'delete', policy: policyOf(object.finalizers), unblock: false }
}

function policyOf(finalizers: readonly string[]): 'Orphan' | 'Foreground' | 'Background' {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan'
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background'
}
