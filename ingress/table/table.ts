/**
 * The routing table: Ingresses in, routes by host and path out. Pure. Of Ingresses that want the same, the oldest has it.
 *
 *   host (exact ▸ wildcard) ─▶ Exact path ▸ longest prefix or pattern ─▶ rules without host ─▶ default backends ─▶ 404
 */
import { RE2JS } from 're2js'
import type { HTTPIngressPath, Ingress, IngressClass } from '../../api/networking/v1.ts'
import { type Defaults, type Settings, settingsOf } from './annotations.ts'
import { type Backend, type Cluster, firstPort, type Problem, resolveBackend } from './backends.ts'
import { type ClassOptions, isOurs } from './classes.ts'
import { matchingPath, parentHost, prefixKey } from './paths.ts'

/** Everything the table depends on. */
export type Snapshot = Cluster & {
  readonly ingresses: readonly Ingress[]
  readonly classes: ReadonlyMap<string, IngressClass>
}
export type TableOptions = {
  readonly classes: ClassOptions
  readonly defaults: Defaults
  /** Gets what nobody wants; `undefined`: a text and 404. */
  readonly defaultService: { readonly namespace: string; readonly name: string } | undefined
}

export type Route = {
  readonly namespace: string
  /** Empty for the controller's own default backend. */
  readonly ingress: string
  readonly backend: Backend
  readonly settings: Settings
  /** Whether the Ingress has TLS for this host. */
  readonly hasTls: boolean
  /** As the rule has it. */
  readonly path: string
  readonly pattern?: RE2JS
}
export type HostRoutes = {
  readonly exact: ReadonlyMap<string, Route>
  /** By `prefixKey`. */
  readonly prefixes: ReadonlyMap<string, Route>
  /** The longest first. */
  readonly patterns: readonly Route[]
  /** The default backend of the Ingress that has the host. */
  readonly fallback: Route | undefined
}
/** Hosts that are served with the certificate of a Secret. */
export type TlsEntry = {
  readonly ingress: Ingress
  /** `namespace/name`. */
  readonly secret: string
  /** Exact or wildcard; empty: whoever names no host that has a certificate. */
  readonly host: string
}
export type IngressProblem = Problem & { readonly ingress: Ingress }
export type Table = {
  readonly hosts: ReadonlyMap<string, HostRoutes>
  /** By what follows `*.`. */
  readonly wildcards: ReadonlyMap<string, HostRoutes>
  readonly anyHost: HostRoutes
  readonly fallback: Route | undefined
  readonly tls: readonly TlsEntry[]
  readonly problems: readonly IngressProblem[]
  /** Those of ours, the oldest first. */
  readonly ingresses: readonly Ingress[]
  /** `namespace/name` of all Services that routes name, there or not. */
  readonly services: ReadonlySet<string>
}

/** A table without routes. */
export const emptyTable: Table = {
  hosts: new Map(),
  wildcards: new Map(),
  anyHost: { exact: new Map(), prefixes: new Map(), patterns: [], fallback: undefined },
  fallback: undefined,
  tls: [],
  problems: [],
  ingresses: [],
  services: new Set(),
}

/** Builds the table anew from all that is known. */
export function buildTable(snapshot: Snapshot, options: TableOptions): Table {
  const ingresses = snapshot.ingresses
    .filter(
      (ingress) =>
        ingress.metadata.deletionTimestamp === undefined && isOurs(ingress, snapshot.classes, options.classes),
    )
    .toSorted(byAge)
  const builder = new Builder(snapshot, options)
  for (const ingress of ingresses) builder.add(ingress)
  return builder.table(ingresses)
}

function byAge({ metadata: a }: Ingress, { metadata: b }: Ingress): number {
  const [left, right] = [a, b].map((each) => `${each.creationTimestamp} ${each.namespace}/${each.name}`)
  return (left ?? '') < (right ?? '') ? -1 : 1
}

type Draft = {
  readonly exact: Map<string, Route>
  readonly prefixes: Map<string, Route>
  readonly patterns: Route[]
  fallback: Route | undefined
}

class Builder {
  readonly #snapshot: Snapshot
  readonly #options: TableOptions
  readonly #drafts = new Map<string, Draft>()
  readonly #tls = new Map<string, TlsEntry>()
  readonly #problems: IngressProblem[] = []
  readonly #services = new Set<string>()
  /** Default backends of Ingresses without rules go before those of others. */
  #ruleless: Route | undefined
  #ruled: Route | undefined

  constructor(snapshot: Snapshot, options: TableOptions) {
    this.#snapshot = snapshot
    this.#options = options
  }

  add(ingress: Ingress): void {
    const { settings, problems } = settingsOf(ingress, this.#options.defaults)
    for (const message of problems) this.#problems.push({ ingress, reason: 'InvalidAnnotation', message })
    const { rules = [], defaultBackend } = ingress.spec
    const fallback =
      defaultBackend === undefined
        ? undefined
        : this.#route(ingress, '', { path: '/', pathType: 'Prefix', backend: defaultBackend }, settings)
    if (fallback !== undefined && rules.length === 0) this.#ruleless ??= fallback
    if (fallback !== undefined) this.#ruled ??= fallback
    for (const { host = '', http } of rules) {
      const draft = this.#draft(host.toLowerCase())
      for (const path of http?.paths ?? []) this.#addPath(ingress, draft, host.toLowerCase(), path, settings)
      draft.fallback ??= fallback
    }
    this.#addTls(ingress)
  }

  table(ingresses: readonly Ingress[]): Table {
    const hosts = new Map<string, HostRoutes>()
    const wildcards = new Map<string, HostRoutes>()
    for (const [host, draft] of this.#drafts) {
      draft.patterns.sort((a, b) => b.path.length - a.path.length)
      if (host.startsWith('*.')) wildcards.set(host.slice(2), draft)
      else if (host !== '') hosts.set(host, draft)
    }
    return {
      hosts,
      wildcards,
      anyHost: this.#drafts.get('') ?? emptyTable.anyHost,
      fallback: this.#ruleless ?? this.#ruled ?? this.#ownDefault(),
      tls: [...this.#tls.values()],
      problems: this.#problems,
      ingresses,
      services: this.#services,
    }
  }

  #draft(host: string): Draft {
    const known = this.#drafts.get(host)
    if (known !== undefined) return known
    const draft: Draft = { exact: new Map(), prefixes: new Map(), patterns: [], fallback: undefined }
    this.#drafts.set(host, draft)
    return draft
  }

  #addPath(ingress: Ingress, draft: Draft, host: string, rule: HTTPIngressPath, settings: Settings): void {
    const route = this.#route(ingress, host, rule, settings)
    if (route === undefined) return
    if (route.pattern !== undefined) {
      const isTaken = draft.patterns.some(({ path }) => path === route.path)
      if (!isTaken) draft.patterns.push(route)
      else this.#conflict(ingress, host, rule)
      return
    }
    const path = matchingPath(route.path) ?? route.path
    const isExact = rule.pathType === 'Exact'
    const [routes, key] = isExact ? ([draft.exact, path] as const) : ([draft.prefixes, prefixKey(path)] as const)
    const before = routes.get(key)
    if (before === undefined) routes.set(key, route)
    else if (before.path === route.path) this.#conflict(ingress, host, rule)
    // `/foo` and `/foo/` cover the same; the longer one has it.
    else if (route.path.length > before.path.length) routes.set(key, route)
  }

  #conflict(ingress: Ingress, host: string, { path = '', pathType }: HTTPIngressPath): void {
    const message = `host "${host}" and path "${path}" (${pathType}) are taken by an older rule`
    this.#problems.push({ ingress, reason: 'Conflict', message })
  }

  #route(ingress: Ingress, host: string, rule: HTTPIngressPath, settings: Settings): Route | undefined {
    const { namespace = '', name } = ingress.metadata
    const { backend, problem } = resolveBackend(namespace, rule.backend, settings.protocol, this.#snapshot)
    if (problem !== undefined) this.#problems.push({ ingress, ...problem })
    this.#services.add(`${namespace}/${backend.service}`)
    const path = rule.path === undefined || rule.path === '' ? '/' : rule.path
    const isPattern =
      rule.pathType === 'ImplementationSpecific' && (settings.usesRegex || settings.rewriteTarget !== undefined)
    const pattern = isPattern ? compile(path) : undefined
    if (isPattern && pattern === undefined) {
      this.#problems.push({ ingress, reason: 'InvalidPath', message: `path "${path}" is no regular expression` })
      return undefined
    }
    const hasTls = (ingress.spec.tls ?? []).some(
      ({ hosts = [] }) => hosts.length === 0 || hosts.some((each) => covers(each, host)),
    )
    const route = { namespace, ingress: name, backend, settings, hasTls, path }
    return pattern === undefined ? route : { ...route, pattern }
  }

  #addTls(ingress: Ingress): void {
    const { rules = [], tls = [] } = ingress.spec
    for (const { hosts = [], secretName } of tls) {
      if (secretName === undefined || secretName === '') continue
      const own = hosts.length > 0 ? hosts : rules.length > 0 ? rules.map(({ host = '' }) => host) : ['']
      for (const host of own.map((each) => each.toLowerCase())) {
        const secret = `${ingress.metadata.namespace}/${secretName}`
        const before = this.#tls.get(host)
        if (before === undefined) this.#tls.set(host, { ingress, secret, host })
        else if (before.secret !== secret) {
          const message = `host "${host}" has the certificate of an older Ingress`
          this.#problems.push({ ingress, reason: 'Conflict', message })
        }
      }
    }
  }

  #ownDefault(): Route | undefined {
    const service = this.#options.defaultService
    if (service === undefined) return undefined
    this.#services.add(`${service.namespace}/${service.name}`)
    const number = firstPort(this.#snapshot.service(service.namespace, service.name))
    const reference = { service: { name: service.name, port: { number } } }
    const { backend } = resolveBackend(service.namespace, reference, undefined, this.#snapshot)
    const settings = { ...this.#options.defaults, usesRegex: false }
    return { namespace: service.namespace, ingress: '', backend, settings, hasTls: false, path: '/' }
  }
}

/** Whether the host of a TLS entry, exact or wildcard, is or covers `host`. */
function covers(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase()
  return wanted === host || (wanted.startsWith('*.') && parentHost(host) === wanted.slice(2))
}

/** As ingress-nginx: from the start of the path, letters of any case. The patterns are users': linear time (RE2). */
function compile(path: string): RE2JS | undefined {
  try {
    return RE2JS.compile(`^(?:${path})`, RE2JS.CASE_INSENSITIVE)
  } catch {
    return undefined
  }
}
