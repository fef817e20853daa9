import { expect, test } from 'vitest'
import { renderRestore } from '../../netfilter/iptables-restore.ts'
import { diffBlocks, rewriteAll } from '../../netfilter/ruleset.ts'
import { defaultOptions, planFor } from '../testing.ts'
import { baseJumps } from './base.ts'

test('the script of a node with one Service', async () => {
  const blocks = planFor([
    {
      name: 'web',
      nodePort: 30080,
      spec: {
        type: 'LoadBalancer',
        sessionAffinity: 'ClientIP',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 32000,
        loadBalancerSourceRanges: ['203.0.113.0/24'],
      },
      loadBalancerIps: ['198.51.100.1'],
      endpoints: [{ ip: '10.244.0.5' }, { ip: '10.244.1.6', node: 'node-2' }],
    },
    { name: 'empty', spec: { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] } },
  ])
  await expect(renderRestore(rewriteAll(blocks, new Map()), baseJumps(defaultOptions))).toMatchFileSnapshot(
    'testdata/load-balancer.rules',
  )
})

test('the script after an endpoint has gone names only the chains that change', async () => {
  const both = planFor([{ name: 'web', endpoints: [{ ip: '10.244.0.5' }, { ip: '10.244.1.6' }] }])
  const one = planFor([{ name: 'web', endpoints: [{ ip: '10.244.0.5' }] }])
  await expect(renderRestore(diffBlocks(both, one))).toMatchFileSnapshot('testdata/endpoint-gone.rules')
})
