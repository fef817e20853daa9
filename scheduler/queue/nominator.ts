/** Which pods have a claim on which node, because others were evicted there for them. */
import type { PodInfo } from '../cache/pod-info.ts'

const none: readonly PodInfo[] = []

/** Nominations by node. */
export class Nominator {
  readonly #byNode = new Map<string, PodInfo[]>()
  readonly #nodeOf = new Map<string, string>()

  /** Records the nomination of a pod; an empty node name withdraws it. */
  set(pod: PodInfo, nodeName: string | undefined): void {
    this.delete(pod.uid)
    if (nodeName === undefined || nodeName === '') return
    this.#nodeOf.set(pod.uid, nodeName)
    this.#byNode.set(nodeName, [...(this.#byNode.get(nodeName) ?? []), pod])
  }

  delete(uid: string): void {
    const nodeName = this.#nodeOf.get(uid)
    if (nodeName === undefined) return
    this.#nodeOf.delete(uid)
    const rest = (this.#byNode.get(nodeName) ?? []).filter((pod) => pod.uid !== uid)
    if (rest.length === 0) this.#byNode.delete(nodeName)
    else this.#byNode.set(nodeName, rest)
  }

  on(nodeName: string): readonly PodInfo[] {
    return this.#byNode.get(nodeName) ?? none
  }
}
