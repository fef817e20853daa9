/** A webhook as a pod would be one: HTTPS, reached through a Service; each test says what it answers. */
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import type { ConformanceCluster } from './fixture.ts'

/** Endpoints may not be on the loopback. */
export const hostAddress =
  Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? ''

/** The `request` of an AdmissionReview or a ConversionReview, unchecked as all answers are here. */
export type ReviewRequest = RawAnswer['json']
export type ReviewResponse = Readonly<Record<string, unknown>>
export type Answer = (request: ReviewRequest) => ReviewResponse | Promise<ReviewResponse>

export type WebhookServer = {
  /** What is answered at a path from now on; the uid is filled in. */
  readonly answer: (path: string, answer: Answer) => void
  /** The `clientConfig` that leads to a path, with the bundle its certificate needs. */
  readonly clientConfig: (path: string) => { readonly service: object; readonly caBundle: string }
}

/** Serves webhooks behind the Service `webhook` in `default` while the tests of this file run. */
export function webhookServer(cluster: ConformanceCluster): WebhookServer {
  const answers = new Map<string, Answer>()
  let server: Server | undefined
  beforeAll(async () => {
    const { cert, key } = await cluster.plane().authority.issue('webhook', [], ['webhook.default.svc'])
    server = createServer({ cert, key }, (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const path = new URL(request.url ?? '', 'https://webhook').pathname
        void review(Buffer.concat(chunks), answers.get(path)).then((body) => {
          response.setHeader('content-type', 'application/json')
          response.end(body)
        })
      })
    })
    const listening = server
    await new Promise<void>((resolve) => listening.listen(0, resolve))
    await publishService(cluster, 'webhook', (listening.address() as AddressInfo).port)
  })
  afterAll(() => {
    server?.closeAllConnections()
    server?.close()
  })
  return {
    answer: (path, answer) => answers.set(path, answer),
    clientConfig: (path) => ({
      service: { namespace: 'default', name: 'webhook', path, port: 443 },
      caBundle: Buffer.from(cluster.plane().authority.cert).toString('base64'),
    }),
  }
}

async function review(body: Buffer, answer: Answer | undefined): Promise<string> {
  const { request, ...type } = JSON.parse(body.toString('utf8')) as ReviewRequest
  const response = answer === undefined ? { allowed: true } : await answer(request)
  return JSON.stringify({ ...type, response: { uid: request.uid, ...response } })
}

/** Makes a Service in `default` whose only endpoint is a port of this machine. */
export async function publishService(cluster: ConformanceCluster, name: string, port: number): Promise<void> {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 443 }] } }
  await cluster.expectCode(201, '/api/v1/namespaces/default/services', { method: 'POST', body: service })
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [hostAddress] }],
    ports: [{ port }],
  }
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
  await cluster.expectCode(201, slices, { method: 'POST', body: slice })
}

/** Lets the write pass, changed by these operations. */
export function patched(...operations: readonly object[]): ReviewResponse {
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64')
  return { allowed: true, patchType: 'JSONPatch', patch }
}

/** Refuses the write with these words. */
export function denied(message: string): ReviewResponse {
  return { allowed: false, status: { message } }
}
