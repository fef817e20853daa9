import { expect, test } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { endpointViews, serviceView } from './informers.ts'

// Only the fields that DNS reads; the rest of an object is of no concern here.
const service = (spec: object): Service =>
  ({ metadata: { name: 's', namespace: 'default' }, spec }) as unknown as Service
const slice = (fields: object): EndpointSlice => ({ addressType: 'IPv4', ...fields }) as unknown as EndpointSlice

const services = [
  {
    what: 'a cluster IP',
    spec: {
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      ports: [{ name: 'a', protocol: 'UDP', port: 53 }],
    },
    want: { kind: 'clusterIp', addresses: ['10.96.0.1', 'fd00::1'], ports: [{ name: 'a', protocol: 'UDP', port: 53 }] },
  },
  { what: 'a headless Service', spec: { clusterIP: 'None', clusterIPs: ['None'] }, want: { kind: 'headless' } },
  {
    what: 'an ExternalName',
    spec: { type: 'ExternalName', externalName: 'a.b' },
    want: { kind: 'externalName', target: 'a.b' },
  },
  { what: 'a Service without address yet', spec: { ports: [] }, want: { kind: 'clusterIp', addresses: [], ports: [] } },
]
for (const { what, spec, want } of services) {
  test(`serviceView() shows ${what}`, () => expect(serviceView(service(spec))).toEqual(want))
}

test('endpointViews() takes ready endpoints, and those of unknown readiness', () => {
  const endpoints = [
    { addresses: ['10.244.0.1'], conditions: { ready: true } },
    { addresses: ['10.244.0.2'], conditions: { ready: false, serving: true } },
    { addresses: ['10.244.0.3'] },
  ]
  expect(endpointViews([slice({ endpoints })]).map(({ address }) => address)).toEqual(['10.244.0.1', '10.244.0.3'])
})

test('endpointViews() labels an endpoint by hostname, or by address', () => {
  const endpoints = [
    { addresses: ['10.244.0.1'], hostname: 'web-0' },
    { addresses: ['10.244.0.2'] },
    { addresses: ['fd00::2'] },
  ]
  expect(endpointViews([slice({ endpoints })]).map(({ hostname }) => hostname)).toEqual([
    'web-0',
    '10-244-0-2',
    'fd00--2',
  ])
})

test('endpointViews() joins the ports of slices that name the same endpoint', () => {
  const endpoints = [{ addresses: ['10.244.0.1'] }]
  const views = endpointViews([
    slice({ endpoints, ports: [{ name: 'a', protocol: 'TCP', port: 1 }] }),
    slice({ endpoints, ports: [{ name: 'b', protocol: 'TCP', port: 2 }] }),
  ])
  expect(views).toHaveLength(1)
  expect(views[0]?.ports.map(({ name }) => name)).toEqual(['a', 'b'])
})

test('endpointViews() leaves names out', () => {
  expect(endpointViews([slice({ addressType: 'FQDN', endpoints: [{ addresses: ['a.b'] }] })])).toEqual([])
})
