/**
 * Pods come in series: what was found out about a node for one pod of a template holds for the next, as long as the node
 * has not changed. Between two decisions usually one node has.
 */
import type { NodeInfo } from '../cache/node-info.ts'
import type { Objection } from './decide.ts'

/** What is known of one node for one kind of pod. */
export type NodeEntry = {
  generation: number
  isChecked: boolean
  objection: Objection | undefined
  /** Weighted sum of the scores that depend on this node alone. */
  score: number | undefined
}

/** How many kinds of pods are remembered; the least recently used goes first. */
const maxKinds = 16

/** What is known of nodes for one kind of pod. */
export class Remembered {
  readonly #entries: (NodeEntry | undefined)[]

  /** Made at full length at once: an array that is filled from the middle would become a slow hash table. */
  constructor(nodeCount: number) {
    this.#entries = new Array<NodeEntry | undefined>(nodeCount).fill(undefined)
  }

  /** The entry of the node, empty when the node has changed since. */
  at(node: NodeInfo): NodeEntry {
    const known = this.#entries[node.position]
    if (known === undefined) {
      const made = { generation: node.generation, isChecked: false, objection: undefined, score: undefined }
      this.#entries[node.position] = made
      return made
    }
    if (known.generation !== node.generation) {
      known.generation = node.generation
      known.isChecked = false
      known.objection = undefined
      known.score = undefined
    }
    return known
  }
}

/** What is known, by kind of pod. */
export class NodeMemory {
  readonly #kinds = new Map<string, Remembered>()
  #nodes: readonly NodeInfo[] | undefined

  /** Starts anew when the list of nodes has changed: entries go by position in it. */
  renew(nodes: readonly NodeInfo[]): void {
    if (this.#nodes !== nodes) this.#kinds.clear()
    this.#nodes = nodes
  }

  of(kind: string): Remembered {
    const known = this.#kinds.get(kind) ?? new Remembered(this.#nodes?.length ?? 0)
    this.#kinds.delete(kind)
    this.#kinds.set(kind, known)
    if (this.#kinds.size > maxKinds) for (const oldest of this.#kinds.keys()) return this.#forget(oldest, known)
    return known
  }

  #forget(kind: string, current: Remembered): Remembered {
    this.#kinds.delete(kind)
    return current
  }
}
