/** What a mode has rendered for each port, kept for as long as the port is the same object and all else is equal. */
import type { PlannedPort } from './planner.ts'

/** Renders only ports that are new. `Surroundings` is what a rendering depends on besides the port. */
export class Renderings<Rendered, Surroundings> {
  readonly #render: (planned: PlannedPort, surroundings: Surroundings) => Rendered
  #known = new WeakMap<PlannedPort, Rendered>()
  #surroundings = ''

  constructor(render: (planned: PlannedPort, surroundings: Surroundings) => Rendered) {
    this.#render = render
  }

  /** One rendering for each port, in their order. */
  of(ports: readonly PlannedPort[], surroundings: Surroundings): readonly Rendered[] {
    const text = JSON.stringify(surroundings)
    if (text !== this.#surroundings) this.#known = new WeakMap()
    this.#surroundings = text
    return ports.map((planned) => {
      const known = this.#known.get(planned)
      if (known !== undefined) return known
      const rendered = this.#render(planned, surroundings)
      this.#known.set(planned, rendered)
      return rendered
    })
  }
}
