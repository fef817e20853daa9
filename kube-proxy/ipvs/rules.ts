/**
 * The rules beside the virtual servers. IPVS takes packets at INPUT and sends them on; the rules decide beforehand who is masqueraded, and
 * who may not come at all. They refer to sets, so their number does not grow with the Services. Chains, order and comments are upstream's
 * (pkg/proxy/ipvs/proxier.go, writeIptablesRules).
 */
import type { Jumps } from '../../netfilter/iptables-restore.ts'
import type { Block, Table } from '../../netfilter/ruleset.ts'
import type { RenderOptions } from '../iptables/options.ts'
import type { ClosedAddress } from './port.ts'
import { type SetKey, setComment, setName } from './sets.ts'

export const chains = {
  services: 'KUBE-SERVICES',
  nodePort: 'KUBE-NODE-PORT',
  loadBalancer: 'KUBE-LOAD-BALANCER',
  postrouting: 'KUBE-POSTROUTING',
  markMasquerade: 'KUBE-MARK-MASQ',
  forward: 'KUBE-FORWARD',
  proxyFirewall: 'KUBE-PROXY-FIREWALL',
  sourceRanges: 'KUBE-SOURCE-RANGES-FIREWALL',
  filter: 'KUBE-IPVS-FILTER',
  outFilter: 'KUBE-IPVS-OUT-FILTER',
} as const

const jump = (to: string, note: string) => `-m comment --comment "${note}" -j ${to}`

/** Put at the top of the kernel's chains, in the form that `iptables-save` prints. */
export const ipvsJumps: Jumps = new Map<Table, ReadonlyMap<string, readonly string[]>>([
  [
    'nat',
    new Map([
      ['OUTPUT', [jump(chains.services, 'kubernetes service portals')]],
      ['PREROUTING', [jump(chains.services, 'kubernetes service portals')]],
      ['POSTROUTING', [jump(chains.postrouting, 'kubernetes postrouting rules')]],
    ]),
  ],
  [
    'filter',
    new Map([
      [
        'INPUT',
        [
          jump(chains.filter, 'kubernetes ipvs access filter'),
          jump(chains.proxyFirewall, 'kube-proxy firewall rules'),
          jump(chains.nodePort, 'kubernetes health check rules'),
        ],
      ],
      [
        'FORWARD',
        [jump(chains.proxyFirewall, 'kube-proxy firewall rules'), jump(chains.forward, 'kubernetes forwarding rules')],
      ],
      ['OUTPUT', [jump(chains.outFilter, 'kubernetes ipvs access filter')]],
    ]),
  ],
])

export type RuleInputs = {
  readonly options: RenderOptions
  /** Sets that have entries; most rules are there only for such. */
  readonly filled: ReadonlySet<SetKey>
  readonly closedToNode: readonly ClosedAddress[]
}

/** All chains. */
export function renderIpvsRules(inputs: RuleInputs): Block {
  return { nat: natChains(inputs), filter: filterChains(inputs) }
}

/** `first` and `more` are matches before and after that of the set, in the order in which `iptables-save` prints them. */
type Words = { readonly first?: string; readonly more?: string; readonly how: string; readonly to: string }

/** A rule about a set, and none when the set is empty. */
function ifFilled({ options, filled }: RuleInputs, key: SetKey, { first, more, how, to }: Words): readonly string[] {
  if (!filled.has(key)) return []
  const note = `-m comment --comment "${setComment(key)}"`
  return [
    [
      ...(first === undefined ? [] : [first]),
      note,
      matchSet(options, key, how),
      ...(more === undefined ? [] : [more]),
      `-j ${to}`,
    ].join(' '),
  ]
}

function matchSet({ family }: RenderOptions, key: SetKey, how: string): string {
  return `-m set --match-set ${setName(key, family)} ${how}`
}

function natChains(inputs: RuleInputs): ReadonlyMap<string, readonly string[]> {
  const { options } = inputs
  const { masqueradeMark: mark, family } = options
  const nodePorts = (['Tcp', 'Udp', 'Sctp'] as const).flatMap((name) => {
    const first = `-p ${name.toLowerCase()}`
    const how = name === 'Sctp' ? 'dst,dst' : 'dst'
    return [
      ...ifFilled(inputs, `nodePortLocal${name}`, { first, how, to: 'RETURN' }),
      ...ifFilled(inputs, `nodePort${name}`, { first, how, to: chains.markMasquerade }),
    ]
  })
  return new Map<string, readonly string[]>([
    [
      chains.services,
      [
        `-s ${family === 'ip' ? '127.0.0.0/8' : '::1/128'} -j RETURN`,
        ...ifFilled(inputs, 'loadBalancer', { how: 'dst,dst', to: chains.loadBalancer }),
        ...clusterIpRules(inputs),
        ...ifFilled(inputs, 'externalIp', { how: 'dst,dst', to: chains.markMasquerade }),
        ...externalIpRules(inputs, 'externalIp'),
        ...externalIpRules(inputs, 'externalIpLocal'),
        `-m addrtype --dst-type LOCAL -j ${chains.nodePort}`,
        // Last: other rules of nat must not translate what IPVS will.
        ...(['clusterIp', 'loadBalancer'] as const)
          .filter((key) => inputs.filled.has(key))
          .map((key) => `${matchSet(options, key, 'dst,dst')} -j ACCEPT`),
      ],
    ],
    [
      chains.loadBalancer,
      [...ifFilled(inputs, 'loadBalancerLocal', { how: 'dst,dst', to: 'RETURN' }), `-j ${chains.markMasquerade}`],
    ],
    [chains.nodePort, nodePorts],
    [
      chains.postrouting,
      [
        ...ifFilled(inputs, 'loopBack', { how: 'dst,dst,src', to: 'MASQUERADE' }),
        `-m mark ! --mark ${mark}/${mark} -j RETURN`,
        // Cleared, so that the packet is not masqueraded again when it passes a second time (tunnels).
        `-j MARK --xor-mark ${mark}`,
        '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
      ],
    ],
    [chains.markMasquerade, [`-j MARK --or-mark ${mark}`]],
  ])
}

function clusterIpRules(inputs: RuleInputs): readonly string[] {
  const { masqueradeAll, localDetector, bridgedSources } = inputs.options
  const to = chains.markMasquerade
  if (masqueradeAll) return ifFilled(inputs, 'clusterIp', { how: 'dst,dst', to })
  const bridged =
    bridgedSources === undefined
      ? []
      : ifFilled(inputs, 'clusterIp', { first: `-s ${bridgedSources}`, how: 'dst,dst', to })
  // Without knowing pods: what the node itself sends to a Service comes from a Service's address, which kube-ipvs0 has.
  if (localDetector === undefined) return [...ifFilled(inputs, 'clusterIp', { how: 'src,dst', to }), ...bridged]
  return [...ifFilled(inputs, 'clusterIp', { first: localDetector.isNotLocal, how: 'dst,dst', to }), ...bridged]
}

/** What comes from elsewhere, and what is for an address that is local anyway, needs no more rules. */
function externalIpRules(inputs: RuleInputs, key: 'externalIp' | 'externalIpLocal'): readonly string[] {
  const fromElsewhere = '-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL'
  return [fromElsewhere, '-m addrtype --dst-type LOCAL'].flatMap((more) =>
    ifFilled(inputs, key, { more, how: 'dst,dst', to: 'ACCEPT' }),
  )
}

function filterChains(inputs: RuleInputs): ReadonlyMap<string, readonly string[]> {
  const { options, closedToNode } = inputs
  const { masqueradeMark: mark } = options
  const known = ['loadBalancer', 'clusterIp', 'externalIp', 'externalIpLocal'] as const
  return new Map<string, readonly string[]>([
    [chains.proxyFirewall, ifFilled(inputs, 'loadBalancerFirewall', { how: 'dst,dst', to: chains.sourceRanges })],
    [
      chains.sourceRanges,
      [
        ...ifFilled(inputs, 'loadBalancerSourceCidr', { how: 'dst,dst,src', to: 'RETURN' }),
        ...ifFilled(inputs, 'loadBalancerSourceIp', { how: 'dst,dst,src', to: 'RETURN' }),
        '-j DROP',
      ],
    ],
    [
      chains.outFilter,
      closedToNode.map(
        ({ ip, port, protocol }) => `-s ${ip} -m ipvs --vaddr ${ip} --vproto ${protocol} --vport ${port} -j DROP`,
      ),
    ],
    [
      chains.forward,
      [
        `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
        '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      ],
    ],
    [
      chains.nodePort,
      [
        `-m comment --comment "${setComment('healthCheckNodePort')}" ${matchSet(options, 'healthCheckNodePort', 'dst')} -j ACCEPT`,
      ],
    ],
    [
      chains.filter,
      [
        ...known.map((key) => `${matchSet(options, key, 'dst,dst')} -j RETURN`),
        `${matchSet(options, 'healthCheckNodePort', 'dst')} -j RETURN`,
        // Service addresses are the node's own now: without this its other ports would answer there. Source: kubernetes#72236.
        `-m conntrack --ctstate NEW ${matchSet(options, 'bound', 'dst')} -j REJECT`,
      ],
    ],
  ])
}
