/**
 * Plans with memory. Most changes are endpoints that come and go: then addresses, sets and rules stay the very objects that they were, and
 * need not be compared with what is in the kernel.
 */
import { keyOf } from '../../netfilter/ipvs.ts'
import { Renderings } from '../plan/renderings.ts'
import { assemble, type IpvsInputs, type IpvsPlan, ipsetOf, surroundingsOf } from './plan.ts'
import { type IpvsSurroundings, type RenderedIpvs, renderIpvsPort } from './port.ts'
import { setName } from './sets.ts'

type Remembered = {
  readonly rendered: readonly RenderedIpvs[]
  readonly plan: IpvsPlan
  /** All inputs but the ports, as text. */
  readonly around: string
}

/** More changes than these are planned from the beginning: it costs no more. */
const maxAmended = 256

/** One planner for each address family. */
export class IpvsPlanner {
  readonly #renderings = new Renderings<RenderedIpvs, IpvsSurroundings>(renderIpvsPort)
  #before: Remembered | undefined

  /** Same inputs, same plan as `planIpvs`. */
  plan(inputs: IpvsInputs): IpvsPlan {
    const rendered = this.#renderings.of(inputs.ports, surroundingsOf(inputs))
    const around = JSON.stringify({ ...inputs, ports: [] })
    const known = this.#before?.around === around ? amend(this.#before, rendered, inputs) : undefined
    const plan = known ?? assemble(rendered, inputs)
    this.#before = { rendered, plan, around }
    return plan
  }
}

/** The plan after nothing but endpoints has changed; `undefined` when more has. */
function amend(
  { rendered: before, plan }: Remembered,
  rendered: readonly RenderedIpvs[],
  { node }: IpvsInputs,
): IpvsPlan | undefined {
  if (before.length !== rendered.length) return undefined
  const changed = rendered.flatMap((next, index) => {
    const old = before[index]
    return old === undefined || old === next ? [] : [{ old, next }]
  })
  if (changed.length > maxAmended || !changed.every(({ old, next }) => frameOf(old) === frameOf(next))) return undefined
  const servers = new Map(plan.servers)
  for (const { old, next } of changed) {
    for (const [index, server] of next.servers.entries()) {
      // Another port may have been first to claim the address.
      if (servers.get(keyOf(server)) === old.servers[index]) servers.set(keyOf(server), server)
    }
  }
  if (changed.every(({ old, next }) => loopsOf(old).join() === loopsOf(next).join())) return { ...plan, servers }
  const loops = new Set(rendered.flatMap(loopsOf))
  const name = setName('loopBack', node.family)
  // The rules depend on whether the set has entries.
  if ((loops.size === 0) !== (plan.sets.get(name)?.entries.size === 0)) return undefined
  return { ...plan, servers, sets: new Map([...plan.sets, [name, ipsetOf('loopBack', node.family, loops)]]) }
}

/** All that does not follow from endpoints. */
function frameOf({ servers, bound, entries, closedToNode }: RenderedIpvs): string {
  return JSON.stringify([servers.map(keyOf), bound, entries.filter(([key]) => key !== 'loopBack'), closedToNode])
}

function loopsOf({ entries }: RenderedIpvs): readonly string[] {
  return entries.flatMap(([key, entry]) => (key === 'loopBack' ? [entry] : []))
}
