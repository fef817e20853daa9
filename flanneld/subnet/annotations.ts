/** What flanneld writes on its Node and reads on the others', annotation for annotation as upstream. Pure. */
import type { Node } from '../../api/core/v1.ts'
import { formatAddress, parseAddress, parseSubnet, type Subnet } from '../../component-base/ip-address.ts'
import { type Family, families, familyFacts, type PerFamily, perFamily } from '../family.ts'
import { ConfigError } from '../json-fields.ts'
import type { Lease, LeaseAttributes } from './lease.ts'

/** Annotations of a node. */
export type Annotations = Readonly<Record<string, string>>

/** The names of all annotations under one prefix. */
export type AnnotationNames = PerFamily<FamilyNames> & {
  readonly managed: string
  readonly backendType: string
  readonly ipv4: FamilyNames
  readonly ipv6: FamilyNames
}

type FamilyNames = {
  readonly data: string
  readonly publicIp: string
  /** Set by an operator: what to publish in place of the host's own address. */
  readonly overwrite: string
  /** Set by an operator: what to take for the host's own address. */
  readonly given: string
}

/** A domain, a slash, and perhaps a word that ends in a hyphen. */
const prefixForm = /(?:[a-z0-9_-]+\.)+[a-z0-9_-]+\/(?:[a-z0-9_-]+-)?$/

/** Names for `--kube-annotation-prefix`; throws where it has not the form of a prefix. */
export function annotationNames(given: string): AnnotationNames {
  const slashes = given.split('/').length - 1
  if (slashes > 1) throw new ConfigError('subnet/kube: prefix can contain at most single slash')
  const withSlash = slashes === 0 ? `${given}/` : given
  const prefix = /[/-]$/.test(withSlash) ? withSlash : `${withSlash}-`
  if (!prefixForm.test(prefix)) throw new ConfigError('subnet/kube: prefix must be in a format: fqdn/[0-9a-z-_]*')
  const ofFamily = (data: string, ip: string): FamilyNames => ({
    data: `${prefix}${data}`,
    publicIp: `${prefix}public-${ip}`,
    overwrite: `${prefix}public-${ip}-overwrite`,
    given: `${prefix}node-public-${ip}`,
  })
  return {
    managed: `${prefix}kube-subnet-manager`,
    backendType: `${prefix}backend-type`,
    ipv4: ofFamily('backend-data', 'ip'),
    ipv6: ofFamily('backend-v6-data', 'ipv6'),
  }
}

/** The annotations by which other hosts learn this one's attributes; `present` may overwrite its addresses. */
export function annotationsOf(names: AnnotationNames, attributes: LeaseAttributes, present: Annotations): Annotations {
  const half = (family: Family): Annotations => {
    const reach = attributes[family]
    const { data, publicIp, overwrite } = names[family]
    // Upstream writes the IPv4 half of every backend but vxlan, also where there is none.
    if (reach === undefined && (family === 'ipv6' || attributes.backendType === 'vxlan')) return {}
    const address = present[overwrite] || (reach?.publicIp ?? '0.0.0.0')
    return { [data]: JSON.stringify(reach?.backendData ?? null), [publicIp]: address }
  }
  return {
    ...half('ipv4'),
    ...half('ipv6'),
    [names.backendType]: attributes.backendType,
    [names.managed]: 'true',
  }
}

/** The lease that a node's annotations tell of; `undefined` when flanneld has not been there. */
export function leaseOf(names: AnnotationNames, enabled: readonly Family[], node: Node): Lease | undefined {
  const annotations = node.metadata.annotations ?? {}
  if (annotations[names.managed] !== 'true') return undefined
  const subnets = podSubnets(node)
  const halves = perFamily(enabled, (family) => {
    const { data, publicIp } = names[family]
    const [subnet, address] = [subnets[family], parseAddress(annotations[publicIp] ?? '')]
    if (subnet === undefined || address?.bits !== familyFacts[family].bits || address.value === 0n) return undefined
    return { subnet, publicIp: formatAddress(address), backendData: parseJson(annotations[data] ?? 'null') }
  })
  if (halves.ipv4 === undefined && halves.ipv6 === undefined) return undefined
  return { ...halves, backendType: annotations[names.backendType] ?? '' }
}

/** The subnets of a node, as the controller manager has given them; none until it has. */
export function podSubnets(node: Node): PerFamily<Subnet> {
  const { podCIDR, podCIDRs = [] } = node.spec ?? {}
  const texts = podCIDRs.length > 0 ? podCIDRs : [podCIDR ?? '']
  const subnets = texts.flatMap((text) => parseSubnet(text) ?? [])
  return perFamily(families, (family) => {
    const found = subnets.find(({ base }) => base.bits === familyFacts[family].bits)
    return found === undefined ? undefined : { base: found.base, prefix: found.prefix }
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
