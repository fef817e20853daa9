/**
 * As much of an API server as a node agent needs to see a cluster: lists, watches, and a nod to everything else. Objects are put in
 * by the bench, so that ten thousand Services are there in a moment and the agent's own work is all that is measured.
 */
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAuthority } from '../../fixtures/certificates.ts'

/** An object of the API, as far as lists and watches look into it. */
export type HollowObject = {
  readonly metadata: { readonly name: string; readonly namespace?: string } & Readonly<Record<string, unknown>>
} & Readonly<Record<string, unknown>>

/** The kinds that agents watch. */
export const hollowKinds = {
  '/api/v1/services': 'Service',
  '/api/v1/nodes': 'Node',
  '/api/v1/pods': 'Pod',
  '/api/v1/namespaces': 'Namespace',
  '/api/v1/endpoints': 'Endpoints',
  '/api/v1/configmaps': 'ConfigMap',
  '/apis/discovery.k8s.io/v1/endpointslices': 'EndpointSlice',
  '/apis/networking.k8s.io/v1/networkpolicies': 'NetworkPolicy',
  '/apis/networking.k8s.io/v1/servicecidrs': 'ServiceCIDR',
} as const
export type HollowPath = keyof typeof hollowKinds

type Watcher = { readonly path: HollowPath; readonly send: (line: string) => void }

/** A running hollow API. */
export class HollowApi {
  readonly #server: Http2SecureServer
  readonly #objects = new Map<HollowPath, Map<string, string>>()
  readonly #watchers = new Set<Watcher>()
  #version = 1_000
  readonly #ca: string
  readonly #address: string

  private constructor(server: Http2SecureServer, ca: string, address: string) {
    this.#server = server
    this.#ca = ca
    this.#address = address
    server.on('request', (request, response) => {
      const url = new URL(request.url, 'https://hollow')
      const path = pathOf(url.pathname)
      const respond = (body: string): void => {
        response.writeHead(request.method === 'POST' ? 201 : 200, { 'Content-Type': 'application/json' })
        response.end(body)
      }
      if (request.method !== 'GET') return respond(nod)
      if (path === undefined) return respond('{"kind":"Status","apiVersion":"v1","status":"Success"}')
      if (url.searchParams.get('sendInitialEvents') === 'true') {
        // As a server without streamed lists: clients list then.
        response.writeHead(422, { 'Content-Type': 'application/json' })
        return void response.end(JSON.stringify(refusal))
      }
      if (!['1', 'true'].includes(url.searchParams.get('watch') ?? '')) return respond(this.#list(path))
      response.writeHead(200, { 'Content-Type': 'application/json' })
      const watcher: Watcher = { path, send: (line) => void response.write(line) }
      this.#watchers.add(watcher)
      response.on('close', () => this.#watchers.delete(watcher))
      return undefined
    })
  }

  /** Listens on a free port of `address`. */
  static async open(address: string): Promise<HollowApi> {
    const authority = await createAuthority()
    const { cert, key } = await authority.issue('hollow', [], [address])
    const server = createSecureServer({ cert, key, allowHTTP1: true })
    server.on('sessionError', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, address, resolve))
    return new HollowApi(server, authority.cert, address)
  }

  /** The text of a kubeconfig file. */
  get kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'hollow',
          cluster: {
            server: `https://${this.#address}:${port}`,
            'certificate-authority-data': Buffer.from(this.#ca).toString('base64'),
          },
        },
      ],
      users: [{ name: 'bench', user: { token: 'bench' } }],
      contexts: [{ name: 'hollow', context: { cluster: 'hollow', user: 'bench' } }],
      'current-context': 'hollow',
    })
  }

  /** Puts an object in, or another in its place, and tells watchers. */
  put(path: HollowPath, object: HollowObject): void {
    const objects = this.#collection(path)
    const key = keyOf(object)
    const type = objects.has(key) ? 'MODIFIED' : 'ADDED'
    const text = this.#encode(path, object)
    objects.set(key, text)
    this.#tell(path, type, text)
  }

  /** Takes an object out and tells watchers. */
  remove(path: HollowPath, object: HollowObject): void {
    this.#collection(path).delete(keyOf(object))
    this.#tell(path, 'DELETED', this.#encode(path, object))
  }

  /** Forgets every object without a word; for when nobody watches. */
  clear(): void {
    this.#objects.clear()
  }

  close(): void {
    this.#server.close()
  }

  #encode(path: HollowPath, object: HollowObject): string {
    this.#version += 1
    const metadata = { uid: `uid-${keyOf(object)}`, resourceVersion: `${this.#version}`, ...object.metadata }
    const apiVersion = path.startsWith('/apis/') ? path.split('/').slice(2, 4).join('/') : 'v1'
    return JSON.stringify({ kind: hollowKinds[path], apiVersion, ...object, metadata })
  }

  #tell(path: HollowPath, type: string, text: string): void {
    for (const watcher of this.#watchers)
      if (watcher.path === path) watcher.send(`{"type":"${type}","object":${text}}\n`)
  }

  #list(path: HollowPath): string {
    const apiVersion = path.startsWith('/apis/') ? path.split('/').slice(2, 4).join('/') : 'v1'
    const head = `"kind":"${hollowKinds[path]}List","apiVersion":"${apiVersion}"`
    return `{${head},"metadata":{"resourceVersion":"${this.#version}"},"items":[${[...this.#collection(path).values()].join(',')}]}`
  }

  #collection(path: HollowPath): Map<string, string> {
    const found = this.#objects.get(path) ?? new Map<string, string>()
    this.#objects.set(path, found)
    return found
  }
}

/** A review of rights that allows, an event that was taken: whoever asks finds what it looks for. */
const nod = JSON.stringify({ kind: 'SelfSubjectAccessReview', metadata: { name: 'hollow' }, status: { allowed: true } })
const refusal = {
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  reason: 'Invalid',
  code: 422,
  message: 'sendInitialEvents is forbidden for watch',
}

function pathOf(pathname: string): HollowPath | undefined {
  const whole = pathname.replace(/\/namespaces\/[^/]+\//, '/')
  return Object.hasOwn(hollowKinds, whole) ? (whole as HollowPath) : undefined
}

function keyOf({ metadata }: HollowObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}
