/** `acl`: who may ask for what. */
import { BlockList, isIP } from 'node:net'
import { rcodes } from '../codec/message.ts'
import { typeNumber } from '../codec/record.ts'
import { argumentError, type Directive } from '../corefile/parse.ts'
import { errorAt } from '../corefile/tokens.ts'
import { matchZone, zonesOrBlock } from '../corefile/zones.ts'
import { inPlugin } from './arguments.ts'
import { mapReply, type Outcome, type Request, replyOf, type Setup } from './plugin.ts'

type Action = 'allow' | 'block' | 'filter' | 'drop'
/** No types: all. */
type Policy = { readonly action: Action; readonly types: ReadonlySet<number> | undefined; readonly networks: BlockList }
type Rule = { readonly zones: readonly string[]; readonly policies: readonly Policy[] }

const actions: readonly string[] = ['allow', 'block', 'filter', 'drop'] satisfies readonly Action[]
/** Extended errors (RFC 8914, 5.2): Blocked and Filtered. */
const blockedCode = 15
const filteredCode = 17

/** Reads the directives. */
export const acl: Setup = (lines, { zones: blockZones, metrics, server }) => {
  const rules = inPlugin('acl', () =>
    lines.map((line) => ({ zones: zonesOrBlock(line.args, blockZones), policies: line.block.map(policyOf) })),
  )
  return {
    wrap: (next) => (request) => {
      const { action, zone } = decide(rules, request)
      const labels = { server, zone, view: '' }
      const answer = (): Outcome | Promise<Outcome> => {
        switch (action) {
          case 'drop':
            metrics.count('coredns_acl_dropped_requests_total', labels).add()
            return undefined
          case 'block':
            metrics.count('coredns_acl_blocked_requests_total', labels).add()
            return replyOf({ rcode: rcodes.refused, extendedError: { code: blockedCode, text: '' } })
          case 'filter':
            metrics.count('coredns_acl_filtered_requests_total', labels).add()
            return replyOf({ extendedError: { code: filteredCode, text: '' } })
          case 'allow':
            metrics.count('coredns_acl_allowed_requests_total', { server, view: '' }).add()
            return next(request)
        }
      }
      // Another client may get another answer.
      return mapReply(answer(), (reply) => ({ ...reply, isSettled: false }))
    },
  }
}

function decide(rules: readonly Rule[], request: Request): { readonly action: Action; readonly zone: string } {
  const { client, question, name } = request
  const address = client.address.replace(/^::ffff:/, '').replace(/%.*$/, '')
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
  for (const { zones, policies } of rules) {
    const zone = matchZone(zones, name)
    if (zone === undefined) continue
    const policy = policies.find(
      ({ types, networks }) => (types === undefined || types.has(question.type)) && networks.check(address, family),
    )
    if (policy !== undefined) return { action: policy.action, zone }
  }
  return { action: 'allow', zone: '' }
}

function policyOf(line: Directive): Policy {
  const { name, args, at } = line
  if (!actions.includes(name))
    throw errorAt(at, `unexpected token "${name}"; expect 'allow', 'block', 'filter' or 'drop'`)
  const types: string[] = []
  const nets: string[] = []
  let section: string[] | undefined
  let sectionName = ''
  const closeSection = (): void => {
    if (section?.length === 0) throw errorAt(at, `no token specified in "${sectionName}" section`)
  }
  for (const word of args) {
    if (word === 'type' || word === 'net') {
      closeSection()
      section = word === 'type' ? types : nets
      sectionName = word
      const count = section.length
      if (count > 0) throw argumentError(line)
    } else if (section === undefined) throw errorAt(at, `unexpected token "${word}"; expect 'type | net'`)
    else section.push(word)
  }
  closeSection()
  return { action: name as Action, types: typesOf(types, line), networks: networksOf(nets, line) }
}

function typesOf(names: readonly string[], { at }: Directive): ReadonlySet<number> | undefined {
  if (names.length === 0 || names.includes('*')) return undefined
  return new Set(
    names.map((name) => {
      const type = typeNumber(name)
      if (type === undefined) throw errorAt(at, `unexpected token "${name}"; expect legal QTYPE`)
      return type
    }),
  )
}

function networksOf(texts: readonly string[], { at }: Directive): BlockList {
  const list = new BlockList()
  for (const text of texts.length === 0 || texts.includes('*') ? ['0.0.0.0/0', '::/0'] : texts) {
    const [address = '', bits] = text.split('/')
    const width = isIP(address) === 4 ? 32 : 128
    const length = bits === undefined ? width : Number(bits)
    const isNetwork = isIP(address) !== 0 && Number.isInteger(length) && length >= 0 && length <= width
    if (!isNetwork) throw errorAt(at, `illegal CIDR notation "${text}"`)
    list.addSubnet(address, length, width === 32 ? 'ipv4' : 'ipv6')
  }
  return list
}
