/** The whole table as blocks: the base, the chains that ports share, and one block for each Service port. */
import type { NftBlock, NftBlocks } from '../../netfilter/nft.ts'
import type { PlannedPort } from '../plan/planner.ts'
import { Renderings } from '../plan/renderings.ts'
import { renderBase } from './base.ts'
import { type Dispatch, renderDispatches } from './dispatch.ts'
import type { NftOptions } from './options.ts'
import { type RenderedPort, renderPort } from './service.ts'

const [baseId, sharedId] = ['', 'shared']

/** Renders ports as blocks, each port once. */
export class NftPlanner {
  readonly #renderings = new Renderings<RenderedPort, NftOptions>((planned, options) => renderPort(planned, options))
  #last: { readonly ports: readonly PlannedPort[]; readonly options: string; readonly blocks: NftBlocks } | undefined

  /** The blocks for the ports; the same ones as before when nothing changed. */
  plan(ports: readonly PlannedPort[], options: NftOptions): NftBlocks {
    const text = JSON.stringify(options)
    if (this.#last?.ports === ports && this.#last.options === text) return this.#last.blocks
    const blocks = blocksOf(ports, this.#renderings.of(ports, options), options)
    this.#last = { ports, options: text, blocks }
    return blocks
  }
}

function blocksOf(ports: readonly PlannedPort[], each: readonly RenderedPort[], options: NftOptions): NftBlocks {
  const rendered = withoutConflicts(ports, each, options)
  const dispatches = new Map<string, Dispatch>()
  for (const port of rendered) for (const dispatch of port.dispatches) dispatches.set(dispatch.name, dispatch)
  const blocks = new Map<string, NftBlock>([
    [baseId, renderBase(options)],
    [sharedId, renderDispatches(dispatches.values(), options)],
  ])
  for (const [index, { block }] of rendered.entries()) blocks.set(ports[index]?.key ?? '', block)
  return blocks
}

/** External addresses are nobody's: when two ports claim one, the first by name has it, as in the order of iptables' rules. */
function withoutConflicts(
  ports: readonly PlannedPort[],
  rendered: readonly RenderedPort[],
  options: NftOptions,
): readonly RenderedPort[] {
  const owners = new Set<string>()
  return rendered.map((port, index) => {
    const taken = port.frontends.filter((key) => owners.has(key))
    for (const key of port.frontends) owners.add(key)
    const planned = ports[index]
    return taken.length === 0 || planned === undefined ? port : renderPort(planned, options, new Set(taken))
  })
}
