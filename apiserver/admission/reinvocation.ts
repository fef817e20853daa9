/**
 * What admission remembers between the two rounds of one write. When a policy or webhook has changed the object, the mutating
 * plugins run once more: those of the server always, policies and webhooks only where their `reinvocationPolicy` asks for it and
 * somebody has changed the object after them. Source: upstream's `ReinvocationContext`, `webhookReinvokeContext`.
 */
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject } from '../../api/resource.ts'

/** The state of one write; made by the chain, one for each write. */
export class Reinvocation {
  #isWanted = false
  #isAgain = false
  readonly #memories = new Map<string, InvocationMemory>()

  /** Whether this is the second round. */
  get isAgain(): boolean {
    return this.#isAgain
  }

  /** A plugin has changed the object: the others may want to see it. */
  want(): void {
    this.#isWanted = true
  }

  /** Begins the second round, if one is wanted. */
  begin(): boolean {
    this.#isAgain = this.#isWanted
    return this.#isAgain
  }

  /** What the plugin of this name remembers. */
  memory(plugin: string): InvocationMemory {
    const known = this.#memories.get(plugin) ?? new InvocationMemory()
    this.#memories.set(plugin, known)
    return known
  }
}

/** Which policies or webhooks of one plugin have run, and which of them must run again. */
export class InvocationMemory {
  #output: ApiObject | undefined
  #ran = new Set<string>()
  readonly #again = new Set<string>()

  /** At the start of a round: whatever came after the last one may have changed the object. */
  begin(object: ApiObject | undefined, isAgain: boolean): void {
    if (isAgain && !sameJson(this.#output, object)) this.noteChange()
  }

  end(object: ApiObject | undefined): void {
    this.#output = object
  }

  /** The object has changed: all that ran before and care are to run again. */
  noteChange(): void {
    for (const key of this.#ran) this.#again.add(key)
    this.#ran = new Set()
  }

  /** This one has run and cares for later changes. */
  noteRan(key: string): void {
    this.#ran.add(key)
  }

  mustRunAgain(key: string): boolean {
    return this.#again.has(key)
  }
}
