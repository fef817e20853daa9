/** What every file here starts: the control plane, its controllers, a client, and namespaces that are thrown away. */
import { afterAll, beforeAll } from 'vitest'
import { type RawAnswer, type RawClient, type RawRequest, type RawWatch, rawClient } from '../fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../fixtures/control-plane.ts'
import { startControllers, type TestControllers } from '../fixtures/controllers.ts'
import { eventually } from '../fixtures/process.ts'

export type ConformanceCluster = {
  /** The control plane; only while tests run. */
  readonly plane: () => TestControlPlane
  readonly send: (path: string, request?: RawRequest) => Promise<RawAnswer>
  /** As `send`, but fails the test unless the answer has this code; gives the body. */
  readonly expectCode: (code: number, path: string, request?: RawRequest) => Promise<RawAnswer['json']>
  readonly watch: (path: string) => Promise<RawWatch>
  /** Makes a namespace whose `default` ServiceAccount is there; returns its name. */
  readonly namespace: (labels?: Readonly<Record<string, string>>) => Promise<string>
}

/** Starts a cluster before the tests of this file and ends it behind them. */
export function conformanceCluster({ flags = [] }: { readonly flags?: readonly string[] } = {}): ConformanceCluster {
  let plane: TestControlPlane | undefined
  let controllers: TestControllers | undefined
  let api: RawClient | undefined
  let namespaces = 0
  beforeAll(async () => {
    plane = await startControlPlane({ flags })
    controllers = await startControllers(plane)
    api = await rawClient(plane)
  })
  afterAll(async () => {
    await controllers?.stop()
    await plane?.close()
  })
  const started = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the cluster of this file is not running')
    return value
  }
  const send: ConformanceCluster['send'] = async (path, request) => await started(api).send(path, request)
  const expectCode: ConformanceCluster['expectCode'] = async (code, path, request) => {
    const answer = await send(path, request)
    if (answer.code !== code) throw new Error(`${request?.method ?? 'GET'} ${path}: ${answer.code} ${answer.text}`)
    return answer.json
  }
  return {
    plane: () => started(plane),
    send,
    expectCode,
    watch: async (path) => await started(api).watch(path),
    namespace: async (labels = {}) => {
      namespaces += 1
      const name = `conformance-${namespaces}`
      const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
      await expectCode(201, '/api/v1/namespaces', { method: 'POST', body })
      await eventually(`the default ServiceAccount of ${name}`, async () => {
        return (await send(`/api/v1/namespaces/${name}/serviceaccounts/default`)).code === 200
      })
      return name
    },
  }
}
