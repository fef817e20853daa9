/** What a person does with kubectl, with every kubectl that this machine has. */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Deployment } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import {
  eventually,
  type Kubectl,
  kubectl as kubectlAt,
  kubectls,
  shellImage,
  testNamespace,
  webImage,
  withFolder,
} from './cluster.ts'

const versions = await kubectls()

const webManifest = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - { name: web, image: "${webImage}", ports: [{ containerPort: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80 }]
`

describe.each(versions)('kubectl $version', ({ path, version }) => {
  const namespace = `e2e-kubectl-${version.replace(/[^0-9]+/g, '-').replace(/^-|-$/g, '') || 'x'}`
  let k: Kubectl
  let remove: () => Promise<void>
  let pod = ''

  beforeAll(async () => {
    const space = await testNamespace(namespace)
    remove = space.remove
    k = kubectlAt(path, namespace, version)
    await k.run(['apply', '-f', '-'], webManifest)
    await k.run(['rollout', 'status', 'deployment/web', '--timeout=90s'])
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'shell' },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'shell', image: shellImage, command: ['sleep', '100000'] }],
      },
    }
    await k.run(['apply', '-f', '-'], JSON.stringify(manifest))
    await k.run(['wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s'])
    pod = (await k.run(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}'])).trim()
  })
  afterAll(async () => await remove())

  test('get shows upstream’s columns', async () => {
    const head = async (...args: string[]): Promise<string | undefined> =>
      (await k.run(['get', ...args])).split('\n')[0]?.trim().replace(/ {2,}/g, '|')
    expect(await head('pods')).toBe('NAME|READY|STATUS|RESTARTS|AGE')
    expect(await head('pods', '-o', 'wide')).toBe(
      'NAME|READY|STATUS|RESTARTS|AGE|IP|NODE|NOMINATED NODE|READINESS GATES',
    )
    expect(await head('deployments', '-o', 'wide')).toBe(
      'NAME|READY|UP-TO-DATE|AVAILABLE|AGE|CONTAINERS|IMAGES|SELECTOR',
    )
    expect(await head('services')).toBe('NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE')
    expect(await head('nodes')).toBe('NAME|STATUS|ROLES|AGE|VERSION')
    expect(await head('replicasets')).toBe('NAME|DESIRED|CURRENT|READY|AGE')
    expect(await head('endpointslices')).toBe('NAME|ADDRESSTYPE|PORTS|ENDPOINTS|AGE')
  })

  test('get -w shows a change', async () => {
    const watch = k.spawn(['get', 'configmaps', '-w', '--output-watch-events', '-o', 'name'])
    let seen = ''
    watch.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    try {
      await eventually(async () => seen.includes('kube-root-ca.crt'))
      await k.run(['create', 'configmap', 'watched', '--from-literal=a=b'])
      await eventually(async () => seen.includes('configmap/watched'))
    } finally {
      watch.kill()
    }
  })

  test('describe tells a pod’s story', async () => {
    const text = await k.run(['describe', 'pod', 'shell'])
    for (const word of ['Successfully assigned', 'Container created', 'Container started', 'QoS Class', 'BestEffort']) {
      expect(text).toContain(word)
    }
    expect(await k.run(['describe', 'deployment', 'web'])).toContain('ScalingReplicaSet')
    expect(await k.run(['describe', 'service', 'web'])).toMatch(/Endpoints:\s+10\.244\./)
    expect(await k.run(['describe', 'node', 'kubets-node-1'])).toContain('PodCIDR:')
  })

  test('logs, also with -f, --tail and --timestamps', async () => {
    const script = 'for i in 1 2 3; do echo line $i; done; sleep 1; echo last'
    await k.run(['run', 'talker', `--image=${shellImage}`, '--restart=Never', '--', 'sh', '-c', script])
    await eventually(async () => (await k.run(['logs', 'talker'])).includes('line 3'))
    expect(await k.run(['logs', '-f', 'talker'])).toBe('line 1\nline 2\nline 3\nlast\n')
    expect(await k.run(['logs', 'talker', '--tail=1'])).toBe('last\n')
    expect(await k.run(['logs', 'talker', '--tail=1', '--timestamps'])).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z last\n$/)
    expect(await k.fail(['logs', 'talker', '-c', 'nobody'])).toContain('container nobody is not valid for pod talker')
  })

  test('exec gives output, errors and the exit code', async () => {
    expect(await k.run(['exec', 'shell', '--', 'echo', 'hello'])).toBe('hello\n')
    expect(await k.run(['exec', '-i', 'shell', '--', 'cat'], 'through stdin')).toBe('through stdin')
    expect(await k.fail(['exec', 'shell', '--', 'sh', '-c', 'echo bad >&2; exit 7'])).toMatch(/bad\n.*exit code 7/s)
    expect(await k.fail(['exec', 'absent', '--', 'true'])).toContain('pods "absent" not found')
  })

  test('attach joins the first process', async () => {
    const script = 'while true; do echo tick; sleep 0.2; done'
    await k.run(['run', 'ticker', `--image=${shellImage}`, '--', 'sh', '-c', script])
    await k.run(['wait', '--for=condition=Ready', 'pod/ticker', '--timeout=60s'])
    const attached = k.spawn(['attach', 'ticker'])
    let seen = ''
    attached.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    try {
      await eventually(async () => seen.includes('tick\ntick'))
    } finally {
      attached.kill()
      await k.run(['delete', 'pod', 'ticker', '--now'])
    }
  })

  test('run -i --rm reads standard input, prints the answer and removes the pod', async () => {
    const args = ['run', 'once', `--image=${shellImage}`, '-i', '--rm', '--restart=Never', '--quiet', '--', 'sh', '-c']
    expect(await k.run([...args, 'read line; echo got $line'], 'something\n')).toContain('got something')
    await eventually(async () => !(await k.run(['get', 'pods', '-o', 'name'])).includes('pod/once'))
  })

  test('port-forward carries a request', async () => {
    const forward = k.spawn(['port-forward', `pod/${pod}`, ':80'])
    try {
      let seen = ''
      forward.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.toString()
      })
      const port = await eventually(async () => /127\.0\.0\.1:(\d+)/.exec(seen)?.[1])
      for (let round = 0; round < 3; round++) {
        expect(await httpGet(Number(port), '/cgi-bin/hostname')).toContain(pod)
      }
    } finally {
      forward.kill()
    }
  })

  test('cp brings a file there and back', async () => {
    await withFolder(async (folder) => {
      await writeFile(`${folder}/there`, 'payload '.repeat(10_000))
      await k.run(['cp', `${folder}/there`, 'shell:/tmp/there'])
      await k.run(['cp', 'shell:/tmp/there', `${folder}/back`])
      expect(await readFile(`${folder}/back`, 'utf8')).toBe('payload '.repeat(10_000))
    })
  })

  test('scale, set image, rollout status, history, undo, pause and resume', async () => {
    await k.run(['scale', 'deployment/web', '--replicas=3'])
    await eventually(async () => (await k.json<Deployment>(['get', 'deployment', 'web'])).status.readyReplicas === 3)
    await k.run(['set', 'env', 'deployment/web', 'COLOR=blue'])
    expect(await k.run(['rollout', 'status', 'deployment/web', '--timeout=90s'])).toContain('successfully rolled out')
    expect(await k.run(['rollout', 'history', 'deployment/web'])).toMatch(/REVISION[\s\S]*\n1 [\s\S]*\n2 /)
    await k.run(['set', 'image', 'deployment/web', 'web=kubets.local/absent:9'])
    const bad = await eventually(async () => {
      const pods = await k.run(['get', 'pods', '-l', 'app=web'])
      return /ErrImagePull|ImagePullBackOff/.test(pods)
    })
    expect(bad).toBe(true)
    expect(await k.run(['rollout', 'undo', 'deployment/web'])).toContain('deployment.apps/web rolled back')
    await k.run(['rollout', 'status', 'deployment/web', '--timeout=90s'])
    await k.run(['rollout', 'pause', 'deployment/web'])
    expect(await k.fail(['rollout', 'undo', 'deployment/web'])).toContain('paused')
    await k.run(['rollout', 'resume', 'deployment/web'])
    await k.run(['scale', 'deployment/web', '--replicas=2'])
    await k.run(['rollout', 'status', 'deployment/web', '--timeout=90s'])
    pod = (await k.run(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}'])).trim()
  })

  test('label, annotate and three kinds of patch', async () => {
    await k.run(['label', 'pod', 'shell', 'tier=test'])
    expect(await k.run(['get', 'pods', '-l', 'tier in (test)', '-o', 'name'])).toBe('pod/shell\n')
    expect(await k.fail(['label', 'pod', 'shell', 'tier=other'])).toContain('--overwrite is false')
    await k.run(['label', 'pod', 'shell', 'tier-'])
    await k.run(['annotate', 'pod', 'shell', 'note=yes'])
    await k
      .run(['patch', 'service', 'web', '-p', '{"spec":{"ports":[{"port":81,"name":"more"}]}}'])
      .then(() => expect.fail('a port without a name beside another must be refused'))
      .catch((error: unknown) => expect(String(error)).toContain('spec.ports'))
    await k.run(['patch', 'pod', 'shell', '--type=merge', '-p', '{"metadata":{"annotations":{"note":null}}}'])
    const json = '[{"op":"add","path":"/metadata/labels","value":{"json":"patched"}}]'
    await k.run(['patch', 'pod', 'shell', '--type=json', '-p', json])
    const { metadata } = await k.json<Pod>(['get', 'pod', 'shell'])
    expect(metadata.labels?.['json']).toBe('patched')
    expect(metadata.annotations?.['note']).toBeUndefined()
  })

  test('edit writes what the editor leaves', async () => {
    await withFolder(async (folder) => {
      await writeFile(`${folder}/editor`, '#!/bin/sh\nsed -i "s/replicas: 2/replicas: 1/" "$1"\n', { mode: 0o755 })
      process.env['KUBE_EDITOR'] = `${folder}/editor`
      try {
        expect(await k.run(['edit', 'deployment', 'web'])).toContain('edited')
      } finally {
        delete process.env['KUBE_EDITOR']
      }
    })
    expect((await k.json<Deployment>(['get', 'deployment', 'web'])).spec.replicas).toBe(1)
  })

  test('api-resources, explain and auth can-i', async () => {
    expect(await k.run(['api-resources'])).toMatch(/deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/)
    const explained = await k.run(['explain', 'deployment.spec.strategy.rollingUpdate'])
    expect(explained).toContain('maxSurge')
    expect((await k.run(['auth', 'can-i', 'create', 'pods'])).trim()).toBe('yes')
    const asNobody = ['auth', 'can-i', 'list', 'secrets', '--as=system:serviceaccount:default:nobody']
    await expect(k.run(asNobody)).rejects.toThrow()
  })

  test('apply: unchanged, configured, server-side, conflict', async () => {
    const map = (value: string): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'map' }, data: { a: value } })
    expect(await k.run(['apply', '-f', '-'], map('1'))).toContain('configmap/map created')
    expect(await k.run(['apply', '-f', '-'], map('1'))).toContain('configmap/map unchanged')
    expect(await k.run(['apply', '-f', '-'], map('2'))).toContain('configmap/map configured')
    const other = map('1').replace('"map"', '"owned"')
    const serverSide = ['apply', '--server-side', '-f', '-']
    expect(await k.run([...serverSide, '--field-manager=one'], other)).toContain('serverside-applied')
    const changed = other.replace('"1"', '"9"')
    expect(await k.fail([...serverSide, '--field-manager=two'], changed)).toContain('conflict with "one"')
    expect(await k.run([...serverSide, '--field-manager=two', '--force-conflicts'], changed)).toContain(
      'serverside-applied',
    )
  })

  test('diff and delete', async () => {
    await k.run(['delete', 'configmap', 'map'])
    expect(await k.fail(['get', 'configmap', 'map'])).toBe('Error from server (NotFound): configmaps "map" not found\n')
    await k.run(['delete', 'pod', 'shell', '--now', '--wait=true'])
    expect(await k.run(['get', 'pods', '-o', 'name'])).not.toContain('pod/shell')
  })
})

/** One HTTP/1.0 request through a forwarded port. */
async function httpGet(port: number, target: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET ${target} HTTP/1.0\r\n\r\n`)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
