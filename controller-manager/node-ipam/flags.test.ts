import { expect, test } from 'vitest'
import { nodeCidrProblems, nodeMasks } from './flags.ts'

const masks = (both = 0, ipv4 = 0, ipv6 = 0) => ({
  'node-cidr-mask-size': both,
  'node-cidr-mask-size-ipv4': ipv4,
  'node-cidr-mask-size-ipv6': ipv6,
})
const [four, six] = ['10.244.0.0/16', 'fd00:10:244::/56']

test.each<readonly [string, readonly string[], ReturnType<typeof masks>, string]>([
  ['one range', [four], masks(), ''],
  ['one range and the mask of it', [four], masks(26), ''],
  ['two ranges and their masks', [six, four], masks(0, 26, 72), ''],
  ['no range', [''], masks(), 'invalid CIDR address: '],
  [
    'two ranges of one family',
    [four, '10.245.0.0/16'],
    masks(),
    'len of ClusterCIDRs==2 and they are not configured as dual stack (at least one from each IPFamily',
  ],
  ['three ranges', [four, six, '10.1.0.0/16'], masks(), 'length of clusterCIDRs is:3 more than max allowed of 2'],
  [
    'two ranges and one mask',
    [four, six],
    masks(24),
    'usage of --node-cidr-mask-size is not allowed with dual-stack clusters',
  ],
  [
    'both kinds of masks',
    [four],
    masks(24, 24),
    'usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 is not allowed if --node-cidr-mask-size is set. For dual-stack clusters please unset it and use IPFamily specific flags',
  ],
  [
    'a mask of the other family',
    [six],
    masks(0, 24),
    'usage of --node-cidr-mask-size-ipv4 is not allowed for a single-stack IPv6 cluster',
  ],
  [
    'a mask of the other family, too',
    [four],
    masks(0, 0, 64),
    'usage of --node-cidr-mask-size-ipv6 is not allowed for a single-stack IPv4 cluster',
  ],
  ['too many parts', ['fd00::/40'], masks(), 'New CIDR set failed; the node CIDR size is too big'],
  [
    'a part larger than the range',
    ['10.0.0.0/25'],
    masks(),
    'mask size 24 of a node does not fit into the cluster CIDR 10.0.0.0/25',
  ],
])('nodeCidrProblems() of %s', (_, ranges, flags, want) => {
  expect(nodeCidrProblems(flags, ranges).join()).toBe(want)
})

test('nodeMasks() are 24 and 64 by default', () => {
  expect(nodeMasks(masks())).toEqual({ ipv4: 24, ipv6: 64 })
  expect(nodeMasks(masks(0, 26, 72))).toEqual({ ipv4: 26, ipv6: 72 })
})
