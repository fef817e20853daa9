import { expect, test } from 'vitest'
import { planPorts } from '../testing.ts'
import { fingerprintOf, parseFlows, staleFlows, udpFrontendsOf, withGone } from './conntrack.ts'

const line = (to: string, reply: string, port = 80, replyPort = 8080) =>
  `udp      17 29 src=10.244.0.9 dst=${to} sport=4000 dport=${port} [UNREPLIED] src=${reply} dst=10.244.0.9 sport=${replyPort} dport=4000 mark=0 use=1`

const endpoint = { ip: '10.244.0.5' }
const ending = { ip: '10.244.1.6', node: 'node-2', ready: false, serving: true, terminating: true }
const dead = { ip: '10.244.1.7', node: 'node-2', ready: false, serving: false, terminating: true }
const dns = { name: 'dns', protocol: 'UDP' as const, nodePort: 30053, spec: { type: 'NodePort' as const } }
const frontends = udpFrontendsOf(planPorts([{ ...dns, endpoints: [endpoint, ending, dead] }]))
const nodeIps = new Set(['172.16.0.11'])

test.each([
  ['keeps a flow to a live endpoint', line('10.96.0.1', '10.244.0.5'), 0],
  ['keeps a flow to an endpoint that still serves, though no new flow goes there', line('10.96.0.1', '10.244.1.6'), 0],
  ['drops a flow to an endpoint that serves no more', line('10.96.0.1', '10.244.1.7'), 1],
  ['drops a flow to another port of the endpoint', line('10.96.0.1', '10.244.0.5', 80, 9090), 1],
  ['drops a flow to an endpoint that has gone', line('10.96.0.1', '10.244.0.6'), 1],
  ['drops a flow that was never translated', line('10.96.0.1', '10.96.0.1'), 1],
  ['minds node ports on addresses of the node', line('172.16.0.11', '10.244.0.6', 30053), 1],
  ['leaves the same port on other addresses alone', line('172.16.0.99', '10.244.0.6', 30053), 0],
  ['leaves flows to other addresses alone', line('8.8.8.8', '8.8.8.8', 53), 0],
])('staleFlows() %s', (_rule, text, expected) => {
  expect(staleFlows(parseFlows(text), frontends, nodeIps)).toHaveLength(expected)
})

test('staleFlows() drops all flows of a Service and a node port that are gone', () => {
  const flows = parseFlows([line('10.96.0.1', '10.244.0.5'), line('172.16.0.11', '10.244.0.5', 30053)].join('\n'))
  expect(staleFlows(flows, withGone(new Map(), frontends), nodeIps)).toHaveLength(2)
})

test('fingerprintOf() differs when an endpoint has gone', () => {
  const fewer = udpFrontendsOf(planPorts([{ ...dns, endpoints: [endpoint] }]))
  expect(fingerprintOf(fewer)).not.toBe(fingerprintOf(frontends))
})
