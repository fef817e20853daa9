/** The chains that all Services share, and the jumps from the kernel's chains to them. */
import type { Jumps } from '../../netfilter/iptables-restore.ts'
import type { Block } from '../../netfilter/ruleset.ts'
import * as chains from './chains.ts'
import type { RenderOptions } from './options.ts'
import type { RenderedPort } from './service.ts'

const onlyNew = '-m conntrack --ctstate NEW '
const jump = (to: string, note: string, match = '') => `${match}-m comment --comment "${note}" -j ${to}`

/** Put at the top of the kernel's chains, in the form that `iptables-save` prints. */
export function baseJumps({
  hasLocalhostNodePorts,
  family,
}: Pick<RenderOptions, 'hasLocalhostNodePorts' | 'family'>): Jumps {
  const firewall = jump(chains.proxyFirewall, 'kubernetes load balancer firewall', onlyNew)
  const portals = jump(chains.services, 'kubernetes service portals', onlyNew)
  const external = jump(chains.externalServices, 'kubernetes externally-visible service portals', onlyNew)
  const local = hasLocalhostNodePorts && family === 'ip' ? [`-j ${chains.firewall}`] : []
  return new Map([
    [
      'filter',
      new Map([
        ['INPUT', [...local, firewall, jump(chains.nodePorts, 'kubernetes health check service ports'), external]],
        ['FORWARD', [firewall, jump(chains.forward, 'kubernetes forwarding rules'), portals, external]],
        ['OUTPUT', [...local, firewall, portals]],
      ]),
    ],
    [
      'nat',
      new Map([
        ['PREROUTING', [jump(chains.services, 'kubernetes service portals')]],
        ['OUTPUT', [jump(chains.services, 'kubernetes service portals')]],
        ['POSTROUTING', [jump(chains.postrouting, 'kubernetes postrouting rules')]],
      ]),
    ],
  ])
}

/** The shared chains with the lines of all ports. */
export function renderBase(ports: Iterable<RenderedPort>, options: RenderOptions): Block {
  const natServices: string[] = []
  const natNodePorts: string[] = []
  const filterServices: string[] = []
  const filterExternal: string[] = []
  const filterFirewall: string[] = []
  const filterNodePorts: string[] = []
  const hairpins = new Set<string>()
  for (const port of ports) {
    for (const ip of port.hairpins) hairpins.add(ip)
    for (const rule of port.natServices) natServices.push(rule)
    for (const rule of port.natNodePorts) natNodePorts.push(rule)
    for (const rule of port.filterServices) filterServices.push(rule)
    for (const rule of port.filterExternalServices) filterExternal.push(rule)
    for (const rule of port.filterFirewall) filterFirewall.push(rule)
    for (const rule of port.filterNodePorts) filterNodePorts.push(rule)
  }
  const { masqueradeMark: mark } = options
  const filter = new Map<string, readonly string[]>([
    [chains.services, filterServices],
    [chains.externalServices, filterExternal],
    [chains.forward, forwarding(options)],
    [chains.nodePorts, [...new Set(filterNodePorts)]],
    [chains.proxyFirewall, filterFirewall],
    [chains.canary, []],
  ])
  if (options.hasLocalhostNodePorts && options.family === 'ip') filter.set(chains.firewall, [blockMartians])
  return {
    mangle: new Map([[chains.canary, []]]),
    filter,
    nat: new Map<string, readonly string[]>([
      [chains.services, [...natServices, ...nodePortEntries(options)]],
      [chains.nodePorts, natNodePorts],
      [
        chains.postrouting,
        [
          ...(options.isLarge ? [`-m conntrack --ctstate DNAT -j ${chains.hairpin}`] : []),
          `-m mark ! --mark ${mark}/${mark} -j RETURN`,
          // Cleared, so that the packet is not masqueraded again when it passes a second time (tunnels).
          `-j MARK --xor-mark ${mark}`,
          '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
        ],
      ],
      [chains.markMasquerade, [`-j MARK --or-mark ${mark}`]],
      [chains.canary, []],
      ...(options.isLarge
        ? [[chains.hairpin, [...hairpins].toSorted().flatMap((ip) => backToItself(ip, options))] as const]
        : []),
    ]),
  }
}

/** A pod that reaches itself through its Service must see another source, or it would answer itself directly. */
function backToItself(ip: string, { bridgedSources }: RenderOptions): readonly string[] {
  const sources = bridgedSources === undefined ? [ip] : [ip, bridgedSources]
  return sources.map((source) => `-s ${source} -d ${ip} -j MASQUERADE --random-fully`)
}

/** With route_localnet on, neighbours could reach 127.0.0.1 of the node: CVE-2020-8558. */
const blockMartians =
  '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP'

function forwarding({ masqueradeMark: mark, dropsInvalid }: RenderOptions): readonly string[] {
  return [
    // A reply that conntrack cannot place would leave untranslated and make the client reset the connection.
    ...(dropsInvalid ? ['-m conntrack --ctstate INVALID -j DROP'] : []),
    `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
    '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  ]
}

/** Last in KUBE-SERVICES: a Service address that is also an address of the node wins over node ports. */
function nodePortEntries({ nodePortAddresses, hasLocalhostNodePorts, family }: RenderOptions): readonly string[] {
  const note = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"'
  if (nodePortAddresses !== 'all') {
    return nodePortAddresses
      .filter((ip) => hasLocalhostNodePorts || !ip.startsWith('127.'))
      .map((ip) => `${note} -d ${ip} -j ${chains.nodePorts}`)
  }
  const except = family === 'ip6' ? ' ! -d ::1/128' : hasLocalhostNodePorts ? '' : ' ! -d 127.0.0.0/8'
  return [`${note} -m addrtype --dst-type LOCAL${except} -j ${chains.nodePorts}`]
}
