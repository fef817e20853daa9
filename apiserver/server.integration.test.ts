import { afterAll, beforeAll, expect, test } from 'vitest'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { run } from '../test/fixtures/process.ts'

let plane: TestControlPlane
beforeAll(async () => {
  plane = await startControlPlane({ verbose: process.env['VERBOSE'] === '1' })
})
afterAll(async () => await plane.close())

async function kubectl(...args: string[]): Promise<string> {
  return await run('kubectl', [`--kubeconfig=${plane.kubeconfig}`, ...args])
}

test('startApiServer() serves kubectl the namespaces that every cluster has', async () => {
  const names = await kubectl('get', 'namespaces', '-o', 'name')
  expect(names.trim().split('\n')).toEqual([
    'namespace/default',
    'namespace/kube-node-lease',
    'namespace/kube-public',
    'namespace/kube-system',
  ])
})
