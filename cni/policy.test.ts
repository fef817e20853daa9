import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { awaitPolicies } from './policy.ts'

const never = new AbortController().signal
const args = { K8S_POD_NAMESPACE: 'x', K8S_POD_NAME: 'web-0', K8S_POD_UID: 'u' }
const ips = [{ address: '10.244.1.7/24' }, { address: 'fd00::7/64' }]

/** Asks a kube-proxy that gives this answer; returns what it was asked. */
async function ask(answer: string): Promise<{ readonly asked: string; readonly isIsolated: boolean }> {
  const path = join(tmpdir(), `cni-policy-${randomBytes(4).toString('hex')}.sock`)
  let asked = ''
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      asked += chunk.toString()
      socket.end(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  try {
    return { ...(await awaitPolicies(path, { args }, ips, never)), asked }
  } finally {
    server.close()
  }
}

test('awaitPolicies() tells kube-proxy the pod and its addresses', async () => {
  const { asked, isIsolated } = await ask('{"result":"enforced"}\n')
  expect(asked).toBe('{"namespace":"x","name":"web-0","uid":"u","ips":["10.244.1.7","fd00::7"]}\n')
  expect(isIsolated).toBe(false)
})

test('awaitPolicies() hears that the pod should not use the bridge', async () => {
  expect((await ask('{"result":"enforced","isolate":true}\n')).isIsolated).toBe(true)
})

test('awaitPolicies() lets a pod start on a node without policies', async () => {
  expect((await ask('{"result":"unenforced","reason":"no rights"}\n')).isIsolated).toBe(false)
})

test('awaitPolicies() keeps a pod from starting uncovered, and says why', async () => {
  await expect(ask('{"error":"no such luck"}\n')).rejects.toMatchObject({
    code: 11,
    message: "the pod's network policies are not in force",
    details: 'no such luck',
  })
})

test('awaitPolicies() asks nobody without a socket, or for what is no pod', async () => {
  expect(await awaitPolicies('', { args }, ips, never)).toEqual({ isIsolated: false })
  expect(await awaitPolicies('/nowhere', { args: {} }, ips, never)).toEqual({ isIsolated: false })
})
