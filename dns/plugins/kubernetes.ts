/** `kubernetes`: the names of the cluster. */
import { type LabelSelector, parseLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { ClusterView, ViewOptions } from '../cluster/view.ts'
import { rcodes } from '../codec/message.ts'
import { type ResourceRecord, types } from '../codec/record.ts'
import { argumentError, type Directive, unknownProperty } from '../corefile/parse.ts'
import { CorefileError, errorAt } from '../corefile/tokens.ts'
import { matchZone, zonesOrBlock } from '../corefile/zones.ts'
import { reverseAddress, reverseRecords } from '../zone/reverse.ts'
import { transferRecords } from '../zone/transfer.ts'
import { answerZone, type PodMode, soaRecord, type ZoneConfig } from '../zone/zone.ts'
import {
  durationOf,
  fallthroughZones,
  firstArgument,
  inPlugin,
  noArguments,
  oneArgument,
  onlyLine,
  wholeNumber,
} from './arguments.ts'
import {
  type Context,
  failure,
  type Handler,
  type Outcome,
  type Peer,
  type Reply,
  type Request,
  replyOf,
  type Setup,
} from './plugin.ts'

type Options = {
  readonly zones: readonly string[]
  readonly ttlSeconds: number
  readonly pods: PodMode
  readonly fallthrough: readonly string[]
  readonly hasEndpoints: boolean
  readonly isEmptyIgnored: boolean
  readonly view: ViewOptions
}

/** CoreDNS' default, in seconds. */
const defaultTtl = 5
const maxTtl = 3600
const podModes: readonly string[] = ['disabled', 'insecure', 'verified'] satisfies readonly PodMode[]

/** Reads the directive. */
export const kubernetes: Setup = (lines, context) => {
  const options = inPlugin('kubernetes', () => readOptions(onlyLine(lines), context.zones))
  if (options.pods === 'verified') context.cluster.watchPods()
  const view = context.cluster.view(options.view)
  const own = new OwnZones(options, view, context)
  return {
    wrap: (next) => own.handler(next),
    isReady: context.cluster.isSynced,
    searchPath: (client) => own.searchPath(client),
    transferZone: (zone) => own.transfer(zone),
  }
}

function readOptions(line: Directive, blockZones: readonly string[]): Options {
  let options: Options = {
    zones: zonesOrBlock(line.args, blockZones),
    ttlSeconds: defaultTtl,
    pods: 'disabled',
    fallthrough: [],
    hasEndpoints: true,
    isEmptyIgnored: false,
    view: { hasPodNames: false },
  }
  for (const item of line.block) {
    const read = properties[item.name]
    if (read === undefined) throw unknownProperty(item)
    options = { ...options, ...read(item, options) }
  }
  const { namespaces, namespaceSelector } = options.view
  if (namespaces !== undefined && namespaceSelector !== undefined)
    throw errorAt(line.at, 'namespaces and namespace_labels cannot both be set')
  return options
}

type Property = (line: Directive, before: Options) => Partial<Options>

const properties: Readonly<Record<string, Property>> = {
  pods: (line) => ({ pods: podModeOf(oneArgument(line)) }),
  ttl: (line) => {
    const ttl = wholeNumber(firstArgument(line))
    if (ttl < 0 || ttl > maxTtl) throw errorAt(line.at, `ttl must be in range [0, ${maxTtl}]: ${ttl}`)
    return { ttlSeconds: ttl }
  },
  endpoint_pod_names: (line, { view }) => {
    noArguments(line)
    return { view: { ...view, hasPodNames: true } }
  },
  noendpoints: (line) => {
    noArguments(line)
    return { hasEndpoints: false }
  },
  namespaces: (line, { view }) => {
    firstArgument(line)
    return { view: { ...view, namespaces: new Set(line.args) } }
  },
  labels: (line, { view }) => ({ view: { ...view, selector: selectorOf(line, 'label selector') } }),
  namespace_labels: (line, { view }) => ({
    view: { ...view, namespaceSelector: selectorOf(line, 'namespace_label selector') },
  }),
  fallthrough: (line) => ({ fallthrough: fallthroughZones(line) }),
  ignore: (line) => {
    const what = line.args.join(' ')
    if (what !== 'empty_service') throw new CorefileError(`unable to parse ignore value: '${what}'`)
    return { isEmptyIgnored: true }
  },
  // An old option that CoreDNS, too, takes and leaves.
  upstream: () => ({}),
  // How the API is reached is this process's own matter (--kubeconfig): the options are checked and not used.
  endpoint: (line) => unused(firstArgument(line)),
  tls: (line) => {
    if (line.args.length !== 3) throw argumentError(line)
    return {}
  },
  kubeconfig: (line) => {
    if (line.args.length < 1 || line.args.length > 2) throw argumentError(line)
    return {}
  },
  startup_timeout: (line) => unused(durationOf(oneArgument(line))),
  apiserver_qps: (line) => unused(oneArgument(line)),
  apiserver_burst: (line) => unused(oneArgument(line)),
  apiserver_max_inflight: (line) => unused(oneArgument(line)),
}

function unused(_: unknown): Partial<Options> {
  return {}
}

function podModeOf(text: string): PodMode {
  if (!podModes.includes(text))
    throw new CorefileError(`wrong value for pods: ${text},  must be one of: disabled, verified, insecure`)
  return text as PodMode
}

function selectorOf(line: Directive, what: string): LabelSelector {
  firstArgument(line)
  const text = line.args.join(' ')
  try {
    return parseLabelSelector(text)
  } catch (error) {
    throw new CorefileError(
      `unable to parse ${what} value: '${text}': ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

class OwnZones {
  readonly #options: Options
  readonly #view: ClusterView
  readonly #context: Context
  readonly #primary: string

  constructor(options: Options, view: ClusterView, context: Context) {
    this.#options = options
    this.#view = view
    this.#context = context
    this.#primary = options.zones.find((zone) => !zone.endsWith('.arpa.')) ?? '.'
  }

  handler(next: Handler): Handler {
    return (request) => {
      const zone = matchZone(this.#options.zones, request.name)
      if (zone === undefined) return next(request)
      return this.#answer(request, zone, next)
    }
  }

  #config(domain: string): ZoneConfig {
    const { ttlSeconds, pods, hasEndpoints, isEmptyIgnored } = this.#options
    const { serviceAddresses, ownAddresses, cluster } = this.#context
    const serial = Math.floor(cluster.changedMs() / 1000)
    return { domain, ttlSeconds, serial, pods, hasEndpoints, isEmptyIgnored, serviceAddresses, ownAddresses }
  }

  #answer(request: Request, domain: string, next: Handler): Outcome | Promise<Outcome> {
    const { name, question } = request
    if (question.type === types.AXFR || question.type === types.IXFR) return failure(rcodes.refused)
    // Half a cluster gives wrong answers, and a resolver would remember "no such name".
    if (!this.#context.cluster.isSynced())
      return failure(rcodes.serverFailure, 'plugin/kubernetes: waiting for Kubernetes API')
    const config = this.#config(domain)
    const soa = (): readonly ResourceRecord[] => [soaRecord(config)]
    if (domain.endsWith('.arpa.')) {
      const address = reverseAddress(name)
      const names =
        address === undefined ? [] : reverseRecords(this.#config(this.#primary), this.#view, question.name, address)
      if (names.length > 0) return positive(question.type === types.PTR ? names : [], [], soa)
      if (name === domain && (question.type === types.SOA || question.type === types.NS)) {
        const { answers, additionals } = answerZone(config, this.#view, name, question.type)
        return positive(answers, additionals, soa)
      }
      return this.#absent(request, next, soa)
    }
    const { exists, answers, additionals, alias } = answerZone(config, this.#view, name, question.type)
    if (!exists) return this.#absent(request, next, soa)
    if (alias !== undefined) return this.#follow(request, answers, alias)
    return positive(answers, additionals, soa)
  }

  #absent(request: Request, next: Handler, soa: () => readonly ResourceRecord[]): Outcome | Promise<Outcome> {
    if (matchZone(this.#options.fallthrough, request.name) !== undefined) return next(request)
    return replyOf({
      rcode: rcodes.nameError,
      authorities: soa(),
      isAuthoritative: true,
      isSettled: true,
      by: 'kubernetes',
    })
  }

  /** An ExternalName: our alias, then whatever the world says about its target. */
  async #follow(request: Request, own: readonly ResourceRecord[], alias: string): Promise<Outcome> {
    const found = await this.#context.lookup(request, alias, request.question.type)
    const isAbsent = found?.rcode === rcodes.nameError
    return replyOf({
      rcode: isAbsent ? rcodes.nameError : rcodes.noError,
      answers: [...own, ...(found?.answers ?? [])],
      authorities: found?.answers.length === 0 ? found.authorities : [],
      isAuthoritative: true,
      isShuffled: false,
      isTruncated: found?.isTruncated === true,
      by: 'kubernetes',
    })
  }

  /** The search path of the pod that asks, for `autopath @kubernetes`. */
  searchPath({ address }: Peer): readonly string[] | undefined {
    const [namespace] = this.#view.podNamespaces(address)
    if (namespace === undefined) return undefined
    const zone = this.#primary
    return [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, '']
  }

  transfer(zone: string): readonly ResourceRecord[] | undefined {
    if (zone !== this.#primary || !this.#options.zones.includes(zone)) return undefined
    return transferRecords(this.#config(zone), this.#view)
  }
}

function positive(
  answers: readonly ResourceRecord[],
  additionals: readonly ResourceRecord[],
  soa: () => readonly ResourceRecord[],
): Reply {
  const authorities = answers.length === 0 ? soa() : []
  return replyOf({ answers, authorities, additionals, isAuthoritative: true, isSettled: true, by: 'kubernetes' })
}
