/** A node for the tests of this file: pods are bound to it and called running, without containers. */
import { afterAll, beforeAll } from 'vitest'
import { type Client, createClient } from '../../client/rest/client.ts'
import { loadKubeconfig } from '../../client/rest/kubeconfig.ts'
import { type HollowNode, type HollowNodeOptions, startHollowNode } from '../fixtures/hollow-node.ts'
import type { ConformanceCluster } from './fixture.ts'

/** The name of the only node. */
export const nodeName = 'hollow-1'

/** Adds the node to the cluster of this file; call it behind `conformanceCluster`. */
export function addHollowNode(cluster: ConformanceCluster, statusOf?: HollowNodeOptions['statusOf']): void {
  let client: Client | undefined
  let node: HollowNode | undefined
  beforeAll(async () => {
    client = createClient(await loadKubeconfig(cluster.plane().kubeconfig))
    node = await startHollowNode({ client, name: nodeName, ...(statusOf && { statusOf }) })
  })
  afterAll(async () => {
    await node?.stop()
    client?.close()
  })
}
