import { expect, test } from 'vitest'
import type { Service, ServiceSpec } from '../../api/core/v1.ts'
import { StatusError } from '../../apimachinery/status.ts'
import type { IpFamily } from './service-cidrs.ts'
import { withIpFamilies } from './service-families-allocator.ts'

type Spec = Partial<ServiceSpec>
const service = (spec: Spec): Service =>
  ({ metadata: { name: 'x', namespace: 'ns' }, spec: { type: 'ClusterIP', selector: { a: 'b' }, ...spec } }) as Service

/** `policy families addresses` of the outcome, or the message. */
function outcome(spec: Spec, old: Spec | undefined, configured: readonly IpFamily[]): string {
  try {
    const next = withIpFamilies(service(spec), old === undefined ? undefined : service(old), configured).spec
    return [next.ipFamilyPolicy ?? '-', next.ipFamilies?.join(',') ?? '-', next.clusterIPs?.join(',') ?? '-'].join(' ')
  } catch (error) {
    if (error instanceof StatusError) return error.message.replace('Service "x" is invalid: ', '')
    throw error
  }
}

const dual: readonly IpFamily[] = ['IPv4', 'IPv6']
const dualFromSix: readonly IpFamily[] = ['IPv6', 'IPv4']
const one: readonly IpFamily[] = ['IPv4']
const single: Spec = { ipFamilyPolicy: 'SingleStack' }
const prefer: Spec = { ipFamilyPolicy: 'PreferDualStack' }
const require_: Spec = { ipFamilyPolicy: 'RequireDualStack' }
const ips = (...clusterIPs: string[]): Spec => ({ clusterIP: clusterIPs[0] ?? '', clusterIPs })
const headless = ips('None')
const noSelector: Spec = { selector: {} }

test.each<readonly [string, Spec, readonly IpFamily[], string]>([
  ['nothing', {}, dual, 'SingleStack IPv4 -'],
  ['nothing where IPv6 comes first', {}, dualFromSix, 'SingleStack IPv6 -'],
  ['PreferDualStack', prefer, dual, 'PreferDualStack IPv4,IPv6 -'],
  ['PreferDualStack where IPv6 comes first', prefer, dualFromSix, 'PreferDualStack IPv6,IPv4 -'],
  ['PreferDualStack on a cluster of one family', prefer, one, 'PreferDualStack IPv4 -'],
  ['RequireDualStack and IPv6', { ...require_, ipFamilies: ['IPv6'] }, dual, 'RequireDualStack IPv6,IPv4 -'],
  ['an IPv6 address', ips('fd00::9'), dual, 'SingleStack IPv6 fd00::9'],
  ['an IPv6 address and PreferDualStack', { ...prefer, ...ips('fd00::9') }, dual, 'PreferDualStack IPv6,IPv4 fd00::9'],
  ['no address and a selector', headless, dual, 'SingleStack IPv4 None'],
  ['no address and no selector', { ...headless, ...noSelector }, one, 'RequireDualStack IPv4,IPv6 None'],
  [
    'no address, no selector, IPv6',
    { ...headless, ...noSelector, ipFamilies: ['IPv6'] },
    one,
    'RequireDualStack IPv6,IPv4 None',
  ],
  [
    'no address, no selector, SingleStack',
    { ...headless, ...noSelector, ...single },
    dualFromSix,
    'SingleStack IPv6 None',
  ],
  ['a name', { type: 'ExternalName' }, dual, '- - -'],
  [
    'RequireDualStack on a cluster of one family',
    require_,
    one,
    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  ],
  [
    'a family that is not there',
    { ipFamilies: ['IPv6'] },
    one,
    'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
  ],
  [
    'an address of a family that is not there',
    ips('fd00::9'),
    one,
    'spec.clusterIPs[0]: Invalid value: ["fd00::9"]: IPv6 is not configured on this cluster',
  ],
  [
    'two families and no policy',
    { ipFamilies: ['IPv4', 'IPv6'] },
    dual,
    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
  ],
  [
    'two addresses and SingleStack',
    { ...single, ...ips('10.0.0.9', 'fd00::9') },
    dual,
    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
  ],
  [
    'two addresses of one family',
    { ...require_, ...ips('10.0.0.9', '10.0.0.8') },
    dual,
    'spec.clusterIPs: Invalid value: ["10.0.0.9","10.0.0.8"]: may specify no more than one IP for each IP family',
  ],
  [
    'an address of another family than it says',
    { ...ips('10.0.0.9'), ipFamilies: ['IPv6'] },
    dual,
    'spec.clusterIPs[0]: Invalid value: "10.0.0.9": expected an IPv6 value as indicated by `ipFamilies[0]`',
  ],
])('withIpFamilies() for a new Service with %s', (_, spec, configured, want) => {
  expect(outcome(spec, undefined, configured)).toBe(want)
})

const stored4: Spec = { ...single, ...ips('10.0.0.9'), ipFamilies: ['IPv4'] }
const stored: Spec = { ...require_, ...ips('10.0.0.9', 'fd00::9'), ipFamilies: ['IPv4', 'IPv6'] }
const prefers4: Spec = { ...stored4, ...prefer }

test.each<readonly [string, Spec, Spec, string]>([
  [
    'adds the second family when the policy asks',
    { ...stored4, ...require_ },
    stored4,
    'RequireDualStack IPv4,IPv6 10.0.0.9',
  ],
  ['adds nothing to what prefers two and has one', prefers4, prefers4, 'PreferDualStack IPv4 10.0.0.9'],
  ['takes the second away with SingleStack', { ...stored, ...single }, stored, 'SingleStack IPv4 10.0.0.9'],
  [
    'keeps the old policy when none is said',
    { ...ips('10.0.0.9', 'fd00::9'), ipFamilies: ['IPv4', 'IPv6'] },
    stored,
    'RequireDualStack IPv4,IPv6 10.0.0.9,fd00::9',
  ],
  [
    'refuses to drop the second without a word',
    { ...require_, ...ips('10.0.0.9'), ipFamilies: ['IPv4'] },
    stored,
    '[spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be \'SingleStack\' to release the secondary cluster IP, spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be \'SingleStack\' to release the secondary IP family]',
  ],
])('withIpFamilies() on an update %s', (_, spec, old, want) => {
  expect(outcome(spec, old, dual)).toBe(want)
})
