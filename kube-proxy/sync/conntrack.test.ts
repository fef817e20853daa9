import { expect, test } from 'vitest'
import { planPorts } from '../testing.ts'
import { parseFlows, staleFlows } from './conntrack.ts'

const line = (to: string, reply: string, port = 80) =>
  `udp      17 29 src=10.244.0.9 dst=${to} sport=4000 dport=${port} [UNREPLIED] src=${reply} dst=10.244.0.9 sport=8080 dport=4000 mark=0 use=1`

const ports = planPorts([
  { name: 'dns', protocol: 'UDP', nodePort: 30053, spec: { type: 'NodePort' }, endpoints: [{ ip: '10.244.0.5' }] },
])

test.each([
  ['keeps a flow to a live endpoint', line('10.96.0.1', '10.244.0.5'), 0],
  ['drops a flow to an endpoint that has gone', line('10.96.0.1', '10.244.0.6'), 1],
  ['drops a flow that was never translated', line('10.96.0.1', '10.96.0.1'), 1],
  ['minds node ports on addresses of the node', line('172.16.0.11', '10.244.0.6', 30053), 1],
  ['leaves the same port on other addresses alone', line('172.16.0.99', '10.244.0.6', 30053), 0],
  ['leaves flows to other addresses alone', line('8.8.8.8', '8.8.8.8', 53), 0],
])('staleFlows() %s', (_rule, text, expected) => {
  expect(staleFlows(parseFlows(text), ports, new Set(['172.16.0.11']))).toHaveLength(expected)
})
