/** Clients that others wrote, against our control plane: the JavaScript client's informer, and two kubectls of other versions. */
import './fixtures/undici-on-node-20.ts'
import { existsSync, realpathSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { conformanceCluster } from './conformance/fixture.ts'
import { addHollowNode, nodeName } from './conformance/nodes.ts'
import { collectionAt } from './conformance/operations.ts'
import { certificateRequest } from './fixtures/certificates.ts'
import { eventually, patienceMs, run } from './fixtures/process.ts'

const cluster = conformanceCluster()
addHollowNode(cluster)
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-clients-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('@kubernetes/client-node', () => {
  const namespace = 'informed'
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const configMap = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { a: '1' },
  })

  test('its informer stays in step through restarts of the API server and compactions of etcd', async () => {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
    await cluster.expectCode(201, '/api/v1/namespaces', { method: 'POST', body })
    const server = collectionAt(cluster, path)
    const kubeconfig = new KubeConfig()
    kubeconfig.loadFromFile(cluster.plane().kubeconfig)
    const core = kubeconfig.makeApiClient(CoreV1Api)
    const informer = makeInformer<V1ConfigMap>(
      kubeconfig,
      path,
      async () => await core.listNamespacedConfigMap({ namespace }),
    )
    const told: string[] = []
    /** Whether an error starts it again. */
    let isWanted = true
    informer.on('add', ({ metadata }) => told.push(`add ${metadata?.name}`))
    informer.on('delete', ({ metadata }) => told.push(`delete ${metadata?.name}`))
    // As its documentation says: an error ends it, and it is started again after a while.
    informer.on('error', () => {
      setTimeout(() => {
        if (isWanted) informer.start().catch(() => {})
      }, 200)
    })
    const inStep = async (): Promise<void> => {
      await eventually('the informer to show what the server has', async () => {
        const { items } = await server.list()
        const versions = (
          found: readonly { readonly metadata?: { readonly name?: string; readonly resourceVersion?: string } }[],
        ): string[] => found.map(({ metadata }) => `${metadata?.name} ${metadata?.resourceVersion}`).sort()
        return JSON.stringify(versions(informer.list())) === JSON.stringify(versions(items))
      })
    }
    const compact = async (): Promise<void> => {
      const { resourceVersion } = (await server.list()).metadata
      const { etcd } = cluster.plane()
      const compaction = { method: 'POST', body: JSON.stringify({ revision: resourceVersion }) }
      expect((await fetch(`${etcd.url}/v3/kv/compaction`, compaction)).status).toBe(200)
    }
    await informer.start()
    try {
      for (const name of ['a', 'b', 'c']) await server.create(configMap(name))
      await inStep()
      await compact()
      await server.patch('b', { data: { a: '2' } })
      await cluster.plane().restart()
      await server.create(configMap('d'))
      await server.remove('c')
      await inStep()
      // Away while things change, and what changed is forgotten by the store: it must list anew.
      isWanted = false
      await informer.stop()
      await server.remove('a')
      await server.patch('b', { data: { a: '3' } })
      await server.create(configMap('e'))
      await compact()
      await cluster.plane().restart()
      isWanted = true
      await informer.start()
      await inStep()
      expect(informer.get('b', namespace)?.data).toEqual({ a: '3' })
      await server.create(configMap('f'))
      await inStep()
    } finally {
      isWanted = false
      await informer.stop()
    }
    expect(told.filter((line) => line.startsWith('delete')).sort()).toEqual(['delete a', 'delete c'])
    expect(new Set(told.filter((line) => line.startsWith('add')))).toEqual(
      new Set(['add a', 'add b', 'add c', 'add d', 'add e', 'add f', 'add kube-root-ca.crt']),
    )
  })
})

/** The folder that the machine's kubectl lies in, where there are others beside it. */
function kubectlFolder(): string | undefined {
  const found = (process.env['PATH'] ?? '')
    .split(':')
    .map((part) => join(part, 'kubectl'))
    .find((path) => existsSync(path))
  return found && dirname(realpathSync(found))
}

/** What is typed behind `kubectl`, and what must be answered: all of a text, or what a pattern says. */
type Step = readonly [args: string, answer: string | RegExp]

/** In order: later steps work on what earlier ones made. `FOLDER` and `NODE` stand for those of the test. */
const steps: readonly Step[] = [
  ['version --output=yaml', /serverVersion:.*gitVersion: v1\.36\.\d+/s],
  ['cluster-info', /Kubernetes control plane.* is running at/],
  ['create deployment web --image=example.com/web:1 --replicas=2', 'deployment.apps/web created'],
  ['apply -f FOLDER/conf.json', 'configmap/conf created'],
  ['apply -f FOLDER/conf.json', 'configmap/conf unchanged'],
  ['diff -f FOLDER/conf2.json', /^-\s+color: blue\n\+\s+color: green$/m],
  ['apply -f FOLDER/conf2.json', 'configmap/conf configured'],
  ['apply --server-side --force-conflicts -f FOLDER/conf.json', 'configmap/conf serverside-applied'],
  ['patch configmap conf --type=json -p [{"op":"add","path":"/data/size","value":"1"}]', 'configmap/conf patched'],
  ['patch configmap conf -p {"data":{"size":"1"}}', 'configmap/conf patched (no change)'],
  ['label configmap conf tier=front', 'configmap/conf labeled'],
  // Old ones say "annotate".
  ['annotate configmap conf note=kept', /^configmap\/conf annotated?$/],
  [
    'get configmap conf -o jsonpath={.data.color}/{.metadata.labels.tier}/{.metadata.annotations.note}',
    'blue/front/kept',
  ],
  ['get configmap conf -o yaml', /^apiVersion: v1\ndata:\n {2}color: blue\n {2}size: "1"\nkind: ConfigMap\n/],
  ['get configmap conf -o json', /"color": "blue"/],
  ['get configmap conf -o custom-columns=N:.metadata.name,C:.data.color', /^N +C\nconf +blue$/],
  ['get configmaps -l tier=front -o name', 'configmap/conf'],
  ['get configmap conf -o name -w --request-timeout=5s', /^configmap\/conf/],
  ['rollout status deployment/web --timeout=45s', /deployment "web" successfully rolled out/],
  [
    'get deployment web -o wide',
    /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +2\/2 +2 +2 +\S+ +web +example\.com\/web:1 +app=web$/,
  ],
  ['scale deployment web --replicas=3', 'deployment.apps/web scaled'],
  ['wait deployment/web --for=jsonpath={.status.readyReplicas}=3 --timeout=45s', 'deployment.apps/web condition met'],
  ['wait deployment/web --for=condition=Available --timeout=45s', 'deployment.apps/web condition met'],
  ['set image deployment/web web=example.com/web:2', 'deployment.apps/web image updated'],
  ['rollout status deployment/web --timeout=45s', /deployment "web" successfully rolled out/],
  ['rollout history deployment/web', /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/],
  ['rollout undo deployment/web', 'deployment.apps/web rolled back'],
  ['rollout restart deployment/web', 'deployment.apps/web restarted'],
  ['expose deployment web --port=80', 'service/web exposed'],
  ['get endpoints web -o jsonpath={.subsets[0].ports[0].port}', /80/],
  ['describe deployment web', /Replicas: +3 desired/],
  ['events --for deployment/web', /Scaled up replica set web-\w+/],
  [
    'get events --field-selector involvedObject.name=web,reason=ScalingReplicaSet',
    /LAST SEEN +TYPE +REASON +OBJECT +MESSAGE/,
  ],
  ['explain deployment.spec.strategy', /RollingUpdate/],
  ['api-resources --api-group=apps', /deployments +deploy +apps\/v1 +true +Deployment/],
  ['auth can-i create pods', 'yes'],
  ['auth can-i list secrets --as=nobody', /^no$/m],
  // Old ones ask for the alpha and beta versions, which are no more.
  ['auth whoami', /Username +kubernetes-admin|the selfsubjectreviews API is not enabled in the cluster/],
  ['create token default', /^[\w-]+\.[\w-]+\.[\w-]+$/],
  ['create -f FOLDER/request.json', /certificatesigningrequest\.certificates\.k8s\.io\/\S+ created/],
  ['certificate approve REQUEST', 'certificatesigningrequest.certificates.k8s.io/REQUEST approved'],
  ['wait csr/REQUEST --for=jsonpath={.status.conditions[0].type}=Approved --timeout=45s', /condition met/],
  ['taint nodes NODE role=db:NoSchedule', 'node/NODE tainted'],
  ['taint nodes NODE role-', 'node/NODE untainted'],
  ['cordon NODE', 'node/NODE cordoned'],
  ['get node NODE', /Ready,SchedulingDisabled/],
  ['uncordon NODE', 'node/NODE uncordoned'],
  ['top nodes', /error: Metrics API not available/],
  ['delete deployment web', /^deployment\.apps "web" deleted/],
  ['get deployment web', /Error from server \(NotFound\): deployments\.apps "web" not found/],
  ['delete configmaps -l tier=front', /^configmap "conf" deleted/],
  ['delete csr REQUEST', /^certificatesigningrequest\.certificates\.k8s\.io "REQUEST" deleted/],
]

describe.each(['1.27', '1.33'])('kubectl %s', (version) => {
  const program = join(kubectlFolder() ?? '', `kubectl.${version}`)
  if (!existsSync(program)) {
    test.skip(`SKIPPED: there is no kubectl.${version} beside the kubectl on PATH`, () => {})
    return
  }
  const id = version.replace('.', '-')
  let namespace: string

  beforeAll(async () => {
    namespace = await cluster.namespace()
    const conf = (color: string): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'conf' },
      data: { color },
    })
    const request = Buffer.from(await certificateRequest('someone')).toString('base64')
    await write('conf', conf('blue'))
    await write('conf2', conf('green'))
    await write('request', {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: `request-${id}` },
      spec: { request, signerName: 'example.com/nobody', usages: ['client auth'] },
    })
  })
  const write = async (name: string, object: object): Promise<void> =>
    await writeFile(join(folder, `${name}.json`), JSON.stringify(object))

  const filled = (text: string): string =>
    text.replaceAll('FOLDER', folder).replaceAll('NODE', nodeName).replaceAll('REQUEST', `request-${id}`)

  /** What it prints, to whichever stream, however it ends. */
  const kubectl = async (args: string): Promise<string> => {
    const common = [
      `--kubeconfig=${cluster.plane().kubeconfig}`,
      `--cache-dir=${folder}/${id}`,
      `--namespace=${namespace}`,
    ]
    const own = filled(args).split(' ')
    try {
      return (await run(program, [...common, ...own])).trim()
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string }
      return `${stdout}${stderr}`.trim()
    }
  }

  test.each(steps)('%s', async (args, answer) => {
    const check = async (): Promise<void> => {
      const text = await kubectl(args)
      if (typeof answer === 'string') expect(text).toBe(filled(answer))
      else expect(text).toMatch(new RegExp(filled(answer.source), answer.flags))
    }
    // What only looks may have to wait for a controller that an earlier step has called.
    if (/^(get|describe|events) /.test(args)) await vi.waitFor(check, { timeout: patienceMs, interval: 500 })
    else await check()
  })
})
