/** Objects for tests, with what the controller does not look at left out. */
import type { Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import type { HTTPIngressPath, Ingress, IngressClass } from '../api/networking/v1.ts'
import type { Snapshot, TableOptions } from './table/table.ts'

export const controller = 'kubets.io/ingress'
export const tableOptions: TableOptions = {
  classes: { controller, annotationClass: 'kubets', takesUnclassed: false },
  defaults: { redirect: 'never', maxBodyBytes: 0, connectTimeoutMs: 1_000, readTimeoutMs: 2_000 },
  defaultService: undefined,
}

/** `Prefix /foo foo-svc:80`; the port may be a name. */
export type PathText = string
export type IngressFacts = {
  /** By host; '' for rules without one. */
  readonly rules?: Readonly<Record<string, readonly PathText[]>>
  /** `service:port`. */
  readonly fallback?: string
  /** Secret by its hosts, with commas between. */
  readonly tls?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly className?: string | undefined
  readonly created?: string
  readonly namespace?: string
}

/** An Ingress of class `kubets` unless told otherwise. */
export function ingress(name: string, facts: IngressFacts = {}): Ingress {
  const { rules = {}, fallback, tls = {}, annotations, created = '2026-01-01T00:00:00Z', namespace = 'default' } = facts
  const className = 'className' in facts ? facts.className : 'kubets'
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      ...{ name, namespace, uid: `uid-${namespace}-${name}`, resourceVersion: '1', creationTimestamp: created },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...(className === undefined ? {} : { ingressClassName: className }),
      ...(fallback === undefined ? {} : { defaultBackend: backendOf(fallback) }),
      rules: Object.entries(rules).map(([host, paths]) => ({
        ...(host === '' ? {} : { host }),
        http: { paths: paths.map(pathOf) },
      })),
      tls: Object.entries(tls).map(([hosts, secretName]) => ({
        hosts: hosts === '' ? [] : hosts.split(','),
        secretName,
      })),
    },
    status: { loadBalancer: {} },
    // A test's object has what the code under test reads, not every field that the server fills in.
  } as unknown as Ingress
}

function pathOf(text: PathText): HTTPIngressPath {
  const [pathType = '', path = '', backend = ''] = text.split(' ')
  // As above.
  return { pathType, path, backend: backendOf(backend) } as HTTPIngressPath
}

function backendOf(text: string): unknown {
  const [name = '', port = '80'] = text.split(':')
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } }
}

/** An IngressClass. */
export function ingressClass(
  name: string,
  of: string = controller,
  annotations: Readonly<Record<string, string>> = {},
): IngressClass {
  // As above.
  return { metadata: { name, annotations }, spec: { controller: of } } as unknown as IngressClass
}

/** A Service with one port, named `http`. */
export function service(
  name: string,
  spec: Partial<Service['spec']> & { readonly port?: number; readonly appProtocol?: string } = {},
): Service {
  const { port = 80, appProtocol, ...rest } = spec
  const ports = [{ name: 'http', port, protocol: 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) }]
  // As above.
  return {
    metadata: { name, namespace: 'default' },
    spec: { type: 'ClusterIP', ports, ipFamilies: ['IPv4'], ...rest },
  } as unknown as Service
}

export type EndpointFacts = { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean }

/** A slice by addresses, all with one port. */
export function slice(
  of: string,
  port: number,
  endpoints: Readonly<Record<string, EndpointFacts>>,
  addressType = 'IPv4',
): EndpointSlice {
  return {
    metadata: { name: `${of}-${addressType}`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
    addressType,
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: Object.entries(endpoints).map(([address, conditions]) => ({ addresses: [address], conditions })),
    // As above.
  } as unknown as EndpointSlice
}

/** A snapshot; every Service that nobody describes has one endpoint. */
export function snapshot(
  ingresses: readonly Ingress[],
  facts: {
    readonly classes?: readonly IngressClass[]
    readonly services?: readonly Service[]
    readonly slices?: readonly EndpointSlice[]
    readonly absent?: readonly string[]
  } = {},
): Snapshot {
  const { classes = [ingressClass('kubets')], services = [], slices = [], absent = [] } = facts
  return {
    ingresses,
    classes: new Map(classes.map((each) => [each.metadata.name, each])),
    service: (_, name) =>
      services.find(({ metadata }) => metadata.name === name) ?? (absent.includes(name) ? undefined : service(name)),
    slicesOf: (_, name) => {
      const own = slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
      return own.length > 0 ? own : [slice(name, 80, { '192.0.2.1': {} })]
    },
  }
}
