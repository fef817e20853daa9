/** All rules of one family as blocks: one for the shared chains, one for each Service port. */
import type { Block, Blocks } from '../../netfilter/ruleset.ts'
import type { PlannedPort } from '../plan/planner.ts'
import { Renderings } from '../plan/renderings.ts'
import { renderBase } from './base.ts'
import type { RenderOptions } from './options.ts'
import { type RenderedPort, renderPort } from './service.ts'

/** Id of the block with the shared chains; Service ports have their own keys. */
const baseId = ''

/** Renders Service ports, each once. */
export function createRenderings(): Renderings<RenderedPort, RenderOptions> {
  return new Renderings(({ port, endpoints }, options) => renderPort(port, endpoints, options))
}

/** The blocks for the ports. */
export function blocksOf(
  ports: readonly PlannedPort[],
  options: RenderOptions,
  renderings: Renderings<RenderedPort, RenderOptions> = createRenderings(),
): Blocks {
  const rendered = renderings.of(ports, options)
  const blocks = new Map<string, Block>([[baseId, renderBase(rendered, options)]])
  for (const [index, { block }] of rendered.entries()) blocks.set(ports[index]?.key ?? '', block)
  return blocks
}
