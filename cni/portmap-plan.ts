/**
 * Host ports as nat rules, in upstream portmap's chains. Pure.
 *
 *   PREROUTING, OUTPUT ─(to an address of this host)─▶ CNI-HOSTPORT-DNAT ─(port)─▶ CNI-DN-xxxx ─▶ DNAT
 *                                     from the container itself or from localhost: mark, and then
 *   POSTROUTING ─▶ CNI-HOSTPORT-MASQ ─(mark)─▶ MASQUERADE
 */
import { formatSubnet, parseSubnet } from '../component-base/ip-address.ts'
import { type Family, planRemoval, quoteComment } from './iptables.ts'
import { isForAny, type PortMapping } from './portmap-config.ts'

/** The container's side of all of its host ports, for one family. */
export type PortmapInput = {
  readonly family: Family
  readonly chain: string
  readonly comment: string
  /** The container's address with its prefix. */
  readonly address: string
  readonly mappings: readonly PortMapping[]
  readonly snat: boolean
  readonly masqAll: boolean
  readonly markBit: number
  readonly externalSetMarkChain: string | undefined
  /** Further conditions of the rules that lead to the container's chain. */
  readonly conditions: readonly string[]
}

const dnat = 'CNI-HOSTPORT-DNAT'
const setMark = 'CNI-HOSTPORT-SETMARK'
const masq = 'CNI-HOSTPORT-MASQ'

/** Name of the chain that all host ports hang on. */
export const hostPortChain = dnat

/** Everything to restore for one container, given a listing of the table. */
export function planPortmap(input: PortmapInput, listing: readonly string[]): readonly string[] {
  const { chain, comment, mappings, conditions } = input
  const further = conditions.map((word) => ` ${/[\s"]/.test(word) ? quoteComment(word) : word}`).join('')
  if (mappings.length === 0) return []
  return [
    ...planBase(input, listing),
    ...planRemoval(listing, [chain]).filter((line) => line.startsWith('-D ')),
    `:${chain} - [0:0]`,
    ...byProtocol(mappings).map(([protocol, ports]) => {
      return `-A ${dnat} -p ${protocol} -m comment --comment ${quoteComment(comment)} -m multiport --dports ${ports}${further} -j ${chain}`
    }),
    ...mappings.flatMap((mapping) => planMapping(input, mapping)),
  ]
}

/** Chains shared by all containers, made once. `:chain` would empty one that exists, so only missing ones are named. */
function planBase(input: PortmapInput, listing: readonly string[]): readonly string[] {
  const mark = `0x${(2 ** input.markBit).toString(16)}`
  const local = `-m addrtype --dst-type LOCAL -j ${dnat}`
  const isMarkedHere = input.snat && input.externalSetMarkChain === undefined
  const chains = [dnat, ...(isMarkedHere ? [setMark, masq] : [])]
  const rules = [
    `-A PREROUTING ${local}`,
    `-A OUTPUT ${local}`,
    ...(isMarkedHere
      ? [
          `-A ${setMark} -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${mark}/${mark}`,
          `-A ${masq} -m mark --mark ${mark}/${mark} -j MASQUERADE`,
        ]
      : []),
  ]
  // Before the rules by which bridge hides addresses: they would end the packet's way.
  const masquerading = `-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j ${masq}`
  const isFirst = isMarkedHere && !listing.includes(masquerading)
  const missing = chains.filter((chain) => !listing.includes(`-N ${chain}`))
  return [
    ...missing.map((chain) => `:${chain} - [0:0]`),
    ...rules.filter((rule) => !listing.includes(rule)),
    ...(isFirst ? [masquerading.replace('-A POSTROUTING', '-I POSTROUTING 1')] : []),
  ]
}

/** `-m multiport` takes 15 ports at most. */
const portsPerRule = 15

function byProtocol(mappings: readonly PortMapping[]): readonly (readonly [string, string])[] {
  const protocols = [...new Set(mappings.map(({ protocol }) => protocol))].sort()
  return protocols.flatMap((protocol) => {
    const ports = [...new Set(mappings.filter((item) => item.protocol === protocol).map(({ hostPort }) => hostPort))]
    const sorted = ports.toSorted((a, b) => a - b)
    const parts = Array.from({ length: Math.ceil(sorted.length / portsPerRule) }, (_, i) => {
      return sorted.slice(i * portsPerRule, (i + 1) * portsPerRule).join(',')
    })
    return parts.map((part) => [protocol, part] as const)
  })
}

/** The marks come first: they are for packets that the last rule takes away. */
function planMapping(input: PortmapInput, mapping: PortMapping): readonly string[] {
  const { family, chain, address, snat, externalSetMarkChain = setMark } = input
  const { hostIp, hostPort, containerPort, protocol } = mapping
  const text = address.split('/')[0] ?? ''
  const to = `-p ${protocol}${isForAny(mapping) ? '' : ` -d ${hostIp}`}`
  const port = `-m ${protocol} --dport ${hostPort}`
  const target = family === 'ip6' ? `[${text}]:${containerPort}` : `${text}:${containerPort}`
  const marks = snat
    ? sourcesOf(input).map((source) => `-A ${chain} -s ${source} ${to} ${port} -j ${externalSetMarkChain}`)
    : []
  return [...marks, `-A ${chain} ${to} ${port} -j DNAT --to-destination ${target}`]
}

/** Whose packets must come back the way they went: the container's own subnet, and the host's loopback. */
function sourcesOf({ family, address, masqAll }: PortmapInput): readonly string[] {
  if (masqAll) return [family === 'ip6' ? '::/0' : '0.0.0.0/0']
  const subnet = parseSubnet(address)
  return [subnet === undefined ? address : formatSubnet(subnet), ...(family === 'ip' ? ['127.0.0.1'] : [])]
}
