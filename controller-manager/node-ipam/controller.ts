/** The node IPAM controller: `spec.podCIDR` of every node. One worker, so that no part is given twice. */
import { nodes as nodesRef } from '../../client/rest/resource-refs.ts'
import { parseSubnet } from '../../component-base/ip-address.ts'
import type { Task } from '../../component-base/run.ts'
import type { Config } from '../config.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { type Action, type Pool, plan, takenBy } from './plan.ts'

/** A node that found the range used up asks again after this long: nodes may have left. */
const exhaustedRetryMs = 60_000

/** Wires the controller. */
export function startNodeIpamController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const nodes = informers.of(nodesRef)
  const queue = newQueue(context)
  enqueueChanges(nodes, queue)
  const pools = poolsOf(config)
  const recorder = context.recorder('cidrAllocator')
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    const { name } = action.node.metadata
    if (action.type === 'reportExhausted') {
      recorder.event(action.node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`)
      throw new Error(`no free pod CIDR for node ${name}`)
    }
    const body = { spec: { podCIDR: action.cidrs[0], podCIDRs: action.cidrs } }
    await whenShown(nodes, await client.patch(nodesRef, { name }, { type: 'strategic', body }, signal), signal)
    logger.info('Assigned pod CIDRs', { node: name, cidrs: action.cidrs })
  }
  return controllerTask(
    [nodes],
    {
      name: 'node-ipam',
      queue,
      observe: (key) => {
        const node = nodes.get(key)
        if (node === undefined) return undefined
        const others = nodes.list().filter(({ metadata }) => metadata.name !== node.metadata.name)
        return { node, pools, taken: takenBy(others, config.serviceCidrs) }
      },
      plan,
      apply,
      report: (key, error) => {
        reportTo(logger, 'node-ipam')(key, error)
        queue.addAfter(key, exhaustedRetryMs)
      },
    },
    1,
  )
}

function poolsOf(config: Config): readonly Pool[] {
  return config.clusterCidrs.map((text) => {
    const range = parseSubnet(text)
    if (range === undefined) throw new Error(`--cluster-cidr: "${text}" is not a CIDR`)
    return { range, nodePrefix: range.base.bits === 32 ? config.nodeMaskIpv4 : config.nodeMaskIpv6 }
  })
}
