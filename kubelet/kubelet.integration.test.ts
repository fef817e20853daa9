/** The kubelet as a process, with a real API server and a real containerd: what users see of their pods. */
import { existsSync, realpathSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { busyboxImage } from '../test/fixtures/containerd.ts'
import { type ContainerView, type PodView, startNode, type TestNode } from '../test/fixtures/kubelet.ts'
import { eventually } from '../test/fixtures/process.ts'

let node: TestNode
const waitMs = 90_000
vi.setConfig({ testTimeout: 300_000 })

beforeAll(async () => {
  node = await startNode()
}, 180_000)
afterAll(async () => {
  await node?.stop()
}, 120_000)

type Spec = Record<string, unknown>
const shell = (script: string, more: Spec = {}): Spec => ({
  name: 'c',
  image: busyboxImage,
  command: ['sh', '-c', script],
  ...more,
})
const sleeper = (more: Spec = {}): Spec => shell('trap exit TERM; while :; do sleep 1 & wait $!; done', more)

async function create(name: string, spec: Spec, metadata: Spec = {}): Promise<void> {
  await node.createObject({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { nodeName: node.name, terminationGracePeriodSeconds: 2, ...spec },
  })
}
async function until(name: string, what: string, check: (pod: PodView) => boolean): Promise<PodView> {
  let last: PodView | undefined
  try {
    return await eventually(
      `${name}: ${what}`,
      async () => {
        last = await node.getPod(name)
        return check(last) ? last : undefined
      },
      waitMs,
    )
  } catch (error) {
    throw new Error(`${name} never came to: ${what}\n${JSON.stringify(last?.status, null, 1)}`, { cause: error })
  }
}
const isReady = ({ status }: PodView): boolean =>
  (status.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True')
const first = ({ status }: PodView): ContainerView | undefined => status.containerStatuses?.[0]
const condition = ({ status }: PodView, type: string) => status.conditions?.find((one) => one.type === type)
const exec = (name: string, script: string): Promise<string> => node.kubectl(['exec', name, '--', 'sh', '-c', script])
const events = async (name: string): Promise<string> =>
  await node.kubectl([
    'get',
    'events',
    '--field-selector',
    `involvedObject.name=${name}`,
    '-o',
    'jsonpath={range .items[*]}{.type} {.reason} {.message}{"\\n"}{end}',
  ])

describe('pod lifecycle', () => {
  test('a pod runs, has logs and an environment, and is gone after its deletion', async () => {
    await create('web', {
      containers: [
        sleeper({
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '$(A)-$(X)-$$(A)' },
          ],
        }),
      ],
    })
    const pod = await until('web', 'Ready', isReady)
    expect(pod.status).toMatchObject({
      phase: 'Running',
      qosClass: 'BestEffort',
      podIP: expect.stringMatching(/^10\.198\./),
    })
    expect(condition(pod, 'PodReadyToStartContainers')?.status).toBe('True')
    expect(await exec('web', 'echo $A $B; hostname')).toBe('1 1-$(X)-$(A)\nweb\n')
    expect(await exec('web', 'tail -1 /etc/hosts')).toBe(`${pod.status.podIP}\tweb\n`)
    expect(await exec('web', 'cat /etc/resolv.conf')).toContain(
      'search default.svc.cluster.local svc.cluster.local cluster.local',
    )
    expect(await events('web')).toContain('Normal Started Container started')
    await node.kubectl(['delete', 'pod', 'web', '--timeout=90s'])
    expect(await events('web')).toContain('Normal Killing Stopping container c')
    expect(await node.containerd.ctr('containers', 'ls', '-q', `labels."io.kubernetes.pod.name"==web`)).toBe('')
  })

  test('restart policies: Never ends, OnFailure and Always begin again', async () => {
    await create('never-ok', { restartPolicy: 'Never', containers: [shell('echo -n bye > /dev/termination-log')] })
    await create('never-bad', { restartPolicy: 'Never', containers: [shell('exit 3')] })
    await create('on-failure', { restartPolicy: 'OnFailure', containers: [shell('exit 4')] })
    await create('always', { containers: [shell('exit 5')] })
    const ok = await until('never-ok', 'Succeeded', ({ status }) => status.phase === 'Succeeded')
    expect(first(ok)).toMatchObject({
      ready: false,
      restartCount: 0,
      state: { terminated: { exitCode: 0, reason: 'Completed', message: 'bye' } },
    })
    expect(condition(ok, 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' })
    const bad = await until('never-bad', 'Failed', ({ status }) => status.phase === 'Failed')
    expect(first(bad)?.state).toMatchObject({ terminated: { exitCode: 3, reason: 'Error' } })
    for (const [name, exitCode] of [
      ['on-failure', 4],
      ['always', 5],
    ] as const) {
      const pod = await until(
        name,
        'CrashLoopBackOff',
        (one) => first(one)?.state.waiting?.reason === 'CrashLoopBackOff',
      )
      expect(pod.status.phase).toBe('Running')
      expect(first(pod)?.lastState).toMatchObject({ terminated: { exitCode } })
      // The first time; later ones where the others took long.
      const restarts = first(pod)?.restartCount ?? 0
      const backOff = ['', '10s', '20s', '40s', '1m20s'][restarts] ?? '2m40s'
      expect(restarts).toBeGreaterThan(0)
      expect(first(pod)?.state.waiting?.message).toMatch(`back-off ${backOff} restarting failed container=c pod=`)
    }
    expect(await node.kubectl(['logs', 'always', '--previous'])).toBe('')
    await node.kubectl(['delete', 'pod', 'never-ok', 'never-bad', 'on-failure', 'always', '--timeout=90s'])
  })

  test('init containers run one after another, a sidecar stays, then the app starts', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }]
    const volumeMounts = [{ name: 'v', mountPath: '/v' }]
    const at = (name: string, script: string, more: Spec = {}) => ({
      ...shell(script, { volumeMounts, ...more }),
      name,
    })
    await create('inits', {
      volumes,
      initContainers: [
        at('one', 'while [ ! -e /v/go ]; do sleep 0.1; done; echo one >> /v/log'),
        at('side', 'echo side >> /v/log; sleep 1000', { restartPolicy: 'Always' }),
        at('two', 'sleep 1; echo two >> /v/log'),
      ],
      containers: [at('app', 'echo app >> /v/log; sleep 1000')],
    })
    const waiting = await until(
      'inits',
      'initializing',
      ({ status }) => (status.initContainerStatuses ?? []).length === 3,
    )
    expect(condition(waiting, 'Initialized')).toMatchObject({ status: 'False', reason: 'ContainersNotInitialized' })
    await eventually('the first to go on', async () => {
      return (await node.kubectl(['exec', 'inits', '-c', 'one', '--', 'touch', '/v/go'])) === ''
    })
    const pod = await until('inits', 'Ready', isReady)
    expect(await node.kubectl(['exec', 'inits', '-c', 'app', '--', 'cat', '/v/log'])).toBe('one\nside\ntwo\napp\n')
    expect(pod.status.initContainerStatuses?.map(({ name, ready }) => [name, ready])).toEqual([
      ['one', true],
      ['side', true],
      ['two', true],
    ])
    expect(await node.kubectl(['get', 'pod', 'inits', '--no-headers'])).toMatch(/2\/2\s+Running/)
    await node.kubectl(['delete', 'pod', 'inits', '--now'])
  })

  test('what cannot start says why in upstream words', async () => {
    await create('no-command', { containers: [shell('', { command: ['/nope'] })] })
    await create('no-config', {
      containers: [sleeper({ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'none', key: 'a' } } }] })],
    })
    await create('no-volume', {
      volumes: [{ name: 'v', configMap: { name: 'none' } }],
      containers: [sleeper({ volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
    })
    await create('never-pull', { containers: [sleeper({ image: 'none:1', imagePullPolicy: 'Never' })] })
    await create('bad-name', { containers: [sleeper({ image: 'a:b:c' })] })
    const reason = (wanted: string) => (pod: PodView) => first(pod)?.state.waiting?.reason === wanted
    const config = await until('no-config', 'config error', reason('CreateContainerConfigError'))
    expect(first(config)?.state.waiting?.message).toBe('configmap "none" not found')
    await until('never-pull', 'never pull', reason('ErrImageNeverPull'))
    await until('bad-name', 'bad name', reason('InvalidImageName'))
    const loop = await until('no-command', 'crash loop', reason('CrashLoopBackOff'))
    expect(first(loop)?.lastState).toMatchObject({ terminated: { exitCode: 128, reason: 'StartError' } })
    await eventually('FailedMount', async () =>
      (await events('no-volume')).includes(
        'Warning FailedMount MountVolume.SetUp failed for volume "v" : configmap "none" not found',
      ),
    )
    expect(first(await node.getPod('no-volume'))?.state).toEqual({ waiting: { reason: 'ContainerCreating' } })
    await expect(node.kubectl(['logs', 'no-config'])).rejects.toThrow(
      'container "c" in pod "no-config" is waiting to start: CreateContainerConfigError',
    )
    // The missing ConfigMap appears: both pods start.
    await node.createObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'none' }, data: { a: 'found' } })
    await until('no-volume', 'Ready', isReady)
    await until('no-config', 'Ready', isReady)
    expect(await exec('no-config', 'echo $A')).toBe('found\n')
    await node.kubectl(['delete', 'pod', 'no-command', 'no-config', 'no-volume', 'never-pull', 'bad-name', '--now'])
  })

  test('a pod with activeDeadlineSeconds fails with DeadlineExceeded', async () => {
    await create('deadline', { activeDeadlineSeconds: 3, containers: [sleeper()] })
    const pod = await until('deadline', 'Failed', ({ status }) => status.phase === 'Failed')
    expect(pod.status).toMatchObject({
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    })
    await node.kubectl(['delete', 'pod', 'deadline', '--now'])
  })

  test('a pod that asks for more than the node has is rejected', async () => {
    await create('huge', { containers: [sleeper({ resources: { requests: { cpu: '1000' } } })] })
    const pod = await until('huge', 'Failed', ({ status }) => status.phase === 'Failed')
    expect(pod.status.reason).toBe('OutOfcpu')
    expect(pod.status.message).toMatch(
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: /,
    )
    await node.kubectl(['delete', 'pod', 'huge', '--now'])
  })

  test('a pod may want a label that the node was given a moment ago, and resources that only the cluster counts', async () => {
    await node.kubectl(['label', 'node', node.name, 'fresh=yes'])
    const resources = { requests: { 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '1' } }
    await create('wishful', { nodeSelector: { fresh: 'yes' }, containers: [sleeper({ resources })] })
    await until('wishful', 'Ready', isReady)
    await node.kubectl(['delete', 'pod', 'wishful', '--timeout=90s'])
    await node.kubectl(['label', 'node', node.name, 'fresh-'])
  })
})

describe('resizing in place', () => {
  const amounts = (cpu: string, memory: string) => ({ cpu, memory })
  const both = (cpu: string, memory: string) => ({ requests: amounts(cpu, memory), limits: amounts(cpu, memory) })
  /** As `kubectl edit --subresource=resize`, which older kubectl lack. */
  async function resize(name: string, resources: Spec): Promise<void> {
    const pod = await node.getPod(name)
    const { spec } = pod
    // Without a version the status may change meanwhile.
    const metadata = { ...pod.metadata, resourceVersion: undefined }
    const containers = spec.containers.map((container) => ({ ...container, resources }))
    const body = { ...pod, metadata, spec: { ...spec, containers } }
    const path = `/api/v1/namespaces/default/pods/${name}/resize`
    await node.kubectl(['replace', '--raw', path, '-f', '-'], JSON.stringify(body))
  }
  const hasGeneration = ({ status, metadata }: PodView) => status.observedGeneration === metadata.generation
  const isSettled = (pod: PodView) =>
    hasGeneration(pod) && isReady(pod) && (pod.status.conditions ?? []).every(({ type }) => !/Resize/.test(type))

  test('a running container gets more and less without a restart, also over a restart of the kubelet', async () => {
    await create('grows', { containers: [sleeper({ resources: both('20m', '40Mi') })] })
    const before = await until('grows', 'Ready', isReady)
    await resize('grows', both('30m', '60Mi'))
    const grown = await until(
      'grows',
      'more',
      (pod) => isSettled(pod) && first(pod)?.resources?.limits?.['cpu'] === '30m',
    )
    expect(first(grown)).toMatchObject({
      restartCount: 0,
      containerID: first(before)?.containerID,
      allocatedResources: amounts('30m', '60Mi'),
      resources: both('30m', '60Mi'),
    })
    await node.killKubelet('SIGKILL')
    await resize('grows', both('10m', '50Mi'))
    await node.startKubelet()
    const shrunk = await until(
      'grows',
      'less',
      (pod) => isSettled(pod) && first(pod)?.resources?.limits?.['cpu'] === '10m',
    )
    expect(first(shrunk)).toMatchObject({ restartCount: 0, resources: both('10m', '50Mi') })
    expect(await events('grows')).toContain('Normal ResizeCompleted Pod resize completed: {"containers":[{"name":"c"')
    await node.kubectl(['delete', 'pod', 'grows', '--now'])
  })

  test('a container whose policy wants it is restarted, also where it would not be otherwise', async () => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }]
    await create('again', {
      restartPolicy: 'OnFailure',
      containers: [sleeper({ resizePolicy, resources: both('20m', '40Mi') })],
    })
    await until('again', 'Ready', isReady)
    await resize('again', both('20m', '50Mi'))
    const pod = await until('again', 'restarted', (one) => isSettled(one) && first(one)?.restartCount === 1)
    expect(first(pod)).toMatchObject({ resources: both('20m', '50Mi') })
    expect(await events('again')).toContain('Container c resize requires restart')
    await node.kubectl(['delete', 'pod', 'again', '--now'])
  })

  test('a resize that does not fit waits until there is room; one that would kill is refused', async () => {
    const fill = 'head -c 8388608 /dev/zero > /memory/x; while :; do sleep 1; done'
    const volumeMounts = [{ name: 'memory', mountPath: '/memory' }]
    const cores = await node.kubectl(['get', 'node', node.name, '-o', 'jsonpath={.status.allocatable.cpu}'])
    const almostAll = { requests: { cpu: `${Number(cores) * 1000 - 100}m` } }
    await create('occupies', { containers: [sleeper({ resources: almostAll })] })
    await create('waits', {
      containers: [shell(fill, { volumeMounts, resources: both('20m', '40Mi') })],
      volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
    })
    await until('occupies', 'Ready', isReady)
    await until('waits', 'Ready', isReady)
    await resize('waits', both('200m', '40Mi'))
    const pending = await until('waits', 'Deferred', (pod) => condition(pod, 'PodResizePending') !== undefined)
    expect(condition(pending, 'PodResizePending')).toMatchObject({
      status: 'True',
      reason: 'Deferred',
      message: expect.stringMatching(/^Node didn't have enough resource: cpu, requested: 200, used: \d+, capacity: /),
    })
    expect(first(pending)).toMatchObject({ resources: both('20m', '40Mi'), allocatedResources: amounts('20m', '40Mi') })
    await node.kubectl(['delete', 'pod', 'occupies', '--now'])
    const granted = await until(
      'waits',
      'room',
      (pod) => isSettled(pod) && first(pod)?.resources?.limits?.['cpu'] === '200m',
    )
    expect(first(granted)).toMatchObject({ restartCount: 0, resources: both('200m', '40Mi') })
    await eventually('8 MiB to be used', async () => (await exec('waits', 'wc -c < /memory/x')) === '8388608\n')
    await resize('waits', both('200m', '7Mi'))
    const refused = await until('waits', 'error', (pod) => condition(pod, 'PodResizeInProgress')?.reason === 'Error')
    expect(condition(refused, 'PodResizeInProgress')?.message).toMatch(
      /^cannot decrease memory limits: attempting to set/,
    )
    await node.kubectl(['delete', 'pod', 'waits', '--now'])
  })
})

describe('volumes and identity', () => {
  test('volumes of every kind show their files, and a ConfigMap changes under a running pod', async () => {
    await node.createObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings' },
      data: { a: '1', b: '2' },
    })
    await node.createObject({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'hidden' },
      stringData: { key: 's3cret' },
    })
    const mount = (name: string, more: Spec = {}) => ({ name, mountPath: `/${name}`, ...more })
    await create(
      'volumes',
      {
        securityContext: { fsGroup: 2000, runAsUser: 1000 },
        volumes: [
          { name: 'config', configMap: { name: 'settings', items: [{ key: 'a', path: 'x/y', mode: 0o400 }] } },
          { name: 'whole', configMap: { name: 'settings' } },
          { name: 'secret', secret: { secretName: 'hidden', defaultMode: 0o440 } },
          { name: 'optional', secret: { secretName: 'absent', optional: true } },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'info', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
          { name: 'host', hostPath: { path: node.rootDir, type: 'Directory' } },
        ],
        containers: [
          sleeper({
            volumeMounts: [
              mount('config'),
              mount('whole'),
              mount('secret', { readOnly: true }),
              mount('optional'),
              mount('memory'),
              mount('info'),
              mount('host', { readOnly: true }),
              { name: 'whole', mountPath: '/one-file', subPath: 'b' },
              { name: 'memory', mountPath: '/made', subPath: 'made/here' },
            ],
          }),
        ],
      },
      { labels: { app: 'demo' } },
    )
    await until('volumes', 'Ready', isReady)
    expect(await exec('volumes', 'cat /config/x/y /whole/b /one-file /secret/key')).toBe('122s3cret')
    expect(await exec('volumes', 'cat /info/labels')).toBe('app="demo"')
    expect(await exec('volumes', 'stat -c "%a %u:%g" -L /secret/key; ls /optional; id')).toBe(
      '440 0:2000\nuid=1000 gid=0(root) groups=0(root),2000\n',
    )
    expect(
      await exec('volumes', 'touch /memory/f && stat -c %g /memory/f; grep " /memory " /proc/mounts | cut -d" " -f1,3'),
    ).toBe('2000\ntmpfs tmpfs\n')
    await expect(exec('volumes', 'touch /host/f')).rejects.toThrow('Read-only file system')
    expect(await exec('volumes', 'cat /var/run/secrets/kubernetes.io/serviceaccount/namespace')).toBe('default')
    expect(
      await exec(
        'volumes',
        'cut -d. -f1 /var/run/secrets/kubernetes.io/serviceaccount/token | base64 -d 2>/dev/null || true',
      ),
    ).toContain('"alg"')
    await node.kubectl(['patch', 'configmap', 'settings', '-p', '{"data":{"b":"changed"}}'])
    await eventually('the new value', async () => (await exec('volumes', 'cat /whole/b')) === 'changed', waitMs)
    expect(await exec('volumes', 'cat /one-file')).toBe('2')
    await node.kubectl(['delete', 'pod', 'volumes', '--now'])
  })

  test('security context and shared namespaces reach the container', async () => {
    await create('secured', {
      shareProcessNamespace: true,
      hostNetwork: true,
      containers: [
        sleeper({
          securityContext: {
            runAsUser: 65_534,
            runAsGroup: 65_534,
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] },
          },
          resources: { limits: { memory: '64Mi', cpu: '100m' } },
        }),
      ],
    })
    const pod = await until('secured', 'Ready', isReady)
    expect(pod.status).toMatchObject({ podIP: node.containerd.nodeIp, qosClass: 'Guaranteed' })
    expect(await exec('secured', 'id -u; id -g; touch /x 2>&1; grep -E "NoNewPrivs|CapBnd" /proc/self/status')).toBe(
      '65534\n65534\ntouch: /x: Read-only file system\nCapBnd:\t0000000000001000\nNoNewPrivs:\t1\n',
    )
    expect(await exec('secured', 'cat /proc/1/comm; cat /etc/hosts | head -1')).toBe(
      'pause\n# Kubernetes-managed hosts file (host network).\n',
    )
    expect(
      await exec('secured', 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us'),
    ).toBe('67108864\n10000\n')
    await node.kubectl(['delete', 'pod', 'secured', '--now'])
  })

  test('runAsNonRoot refuses an image that runs as root', async () => {
    await create('root', { containers: [sleeper({ securityContext: { runAsNonRoot: true } })] })
    const pod = await until(
      'root',
      'refused',
      (one) => first(one)?.state.waiting?.reason === 'CreateContainerConfigError',
    )
    expect(first(pod)?.state.waiting?.message).toMatch(
      /^container has runAsNonRoot and image will run as root \(pod: "root_default/,
    )
    await node.kubectl(['delete', 'pod', 'root', '--now'])
  })
})

describe('probes and hooks', () => {
  test('readiness follows the probe, a failed liveness probe restarts the container', async () => {
    const probe = (more: Spec) => ({ periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 20, ...more })
    await create('ready', {
      containers: [
        shell('mkdir /www; touch /www/ok; httpd -p 8080 -h /www; trap exit TERM; while :; do sleep 1 & wait $!; done', {
          readinessProbe: probe({ exec: { command: ['test', '-e', '/tmp/ready'] } }),
          livenessProbe: probe({ httpGet: { path: '/ok', port: 8080 }, initialDelaySeconds: 2, failureThreshold: 3 }),
        }),
      ],
    })
    const unready = await until('ready', 'Running', ({ status }) => status.phase === 'Running')
    expect(condition(unready, 'ContainersReady')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [c]',
    })
    await exec('ready', 'touch /tmp/ready')
    await until('ready', 'Ready', isReady)
    await exec('ready', 'rm /tmp/ready')
    await until('ready', 'unready', (pod) => !isReady(pod))
    await exec('ready', 'rm /www/ok')
    await until('ready', 'restarted', (pod) => first(pod)?.restartCount === 1)
    const text = await events('ready')
    expect(text).toContain('Warning Unhealthy Readiness probe failed: ')
    expect(text).toContain('Warning Unhealthy Liveness probe failed: HTTP probe failed with statuscode: 404')
    expect(text).toContain('Normal Killing Container c failed liveness probe, will be restarted')
    await node.kubectl(['delete', 'pod', 'ready', '--now'])
  })

  test('a startup probe holds the others back; hooks run after the start and before the end', async () => {
    await create('hooks', {
      terminationGracePeriodSeconds: 10,
      volumes: [{ name: 'v', hostPath: { path: node.rootDir, type: 'Directory' } }],
      containers: [
        sleeper({
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
          lifecycle: {
            postStart: { exec: { command: ['sh', '-c', 'echo started > /v/hooks'] } },
            preStop: { exec: { command: ['sh', '-c', 'echo stopping >> /v/hooks'] } },
          },
          startupProbe: {
            periodSeconds: 1,
            failureThreshold: 200,
            timeoutSeconds: 20,
            exec: { command: ['test', '-e', '/up'] },
          },
          readinessProbe: { periodSeconds: 1, tcpSocket: { port: 9 }, failureThreshold: 1 },
        }),
      ],
    })
    await until('hooks', 'Running', ({ status }) => status.phase === 'Running')
    expect(first(await node.getPod('hooks'))).toMatchObject({ started: false, ready: false })
    // The container runs before its hook has.
    await eventually('the hook', async () => (await readFile(join(node.rootDir, 'hooks'), 'utf8')) === 'started\n')
    await exec('hooks', 'touch /up')
    await until('hooks', 'started', (pod) => first(pod)?.started === true)
    await eventually('readiness', async () =>
      /Readiness probe failed: dial tcp .*: connect: connection refused/.test(await events('hooks')),
    )
    await node.kubectl(['delete', 'pod', 'hooks', '--timeout=90s'])
    expect(await readFile(join(node.rootDir, 'hooks'), 'utf8')).toBe('started\nstopping\n')
  })
})

describe('streams', () => {
  // Other versions of kubectl stand beside the one on the PATH where the machine has several.
  const folder = (process.env['PATH'] ?? '').split(':').find((path) => existsSync(join(path, 'kubectl'))) ?? ''
  const real = existsSync(join(folder, 'kubectl')) ? dirname(realpathSync(join(folder, 'kubectl'))) : ''
  const binaries = ['1.27', '1.33']
    .map((version) => join(real, `kubectl.${version}`))
    .filter((file) => existsSync(file))

  test('exec passes input, output, errors and the exit code, over SPDY and WebSocket', async () => {
    await create('shell', { containers: [sleeper({ stdin: true })] })
    await until('shell', 'Ready', isReady)
    for (const binary of ['kubectl', ...binaries]) {
      const call = node.kubectlWith(
        binary,
        ['exec', '-i', 'shell', '--', 'sh', '-c', 'cat; echo bad >&2; exit 3'],
        'typed\n',
      )
      await expect(call).rejects.toThrow(/typed\n[\s\S]*bad\n[\s\S]*exit code 3/)
    }
    const log = await node.kubectl(['logs', 'shell', '--tail=1'])
    expect(log).toBe('')
    await node.kubectl(['delete', 'pod', 'shell', '--now'])
  })

  test('logs honour tail, timestamps, limits and follow to the end', async () => {
    await create('talk', {
      restartPolicy: 'Never',
      containers: [shell('for i in 1 2 3 4 5; do echo line $i; done; sleep 2; echo last')],
    })
    await until('talk', 'Running', ({ status }) => status.phase !== 'Pending')
    expect(await node.kubectl(['logs', '-f', 'talk'])).toBe('line 1\nline 2\nline 3\nline 4\nline 5\nlast\n')
    expect(await node.kubectl(['logs', 'talk', '--tail=2'])).toBe('line 5\nlast\n')
    expect(await node.kubectl(['logs', 'talk', '--limit-bytes=8'])).toBe('line 1\nl')
    expect(await node.kubectl(['logs', 'talk', '--tail=1', '--timestamps'])).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z last\n$/,
    )
    await node.kubectl(['delete', 'pod', 'talk', '--now'])
  })
})

describe('restarts of the machinery', () => {
  test('kill -9 of the kubelet and of containerd leaves running containers alone', async () => {
    await create('steady', {
      containers: [sleeper({ readinessProbe: { periodSeconds: 1, exec: { command: ['true'] }, timeoutSeconds: 20 } })],
    })
    const before = await until('steady', 'Ready', isReady)
    await node.containerd.kill('SIGKILL')
    await create('without-runtime', { containers: [sleeper()] })
    await node.containerd.start()
    await until('without-runtime', 'Ready', isReady)
    await node.killKubelet('SIGKILL')
    await create('without-kubelet', { containers: [sleeper()] })
    await node.startKubelet()
    await until('without-kubelet', 'Ready', isReady)
    // Probes that failed while the runtime was away may have made it unready.
    const after = await until('steady', 'Ready', isReady)
    expect(first(after)?.containerID).toBe(first(before)?.containerID)
    expect(first(after)).toMatchObject({ restartCount: 0, ready: true })
    await node.kubectl(['delete', 'pod', 'steady', 'without-runtime', 'without-kubelet', '--now'])
  })

  test('a restart of the API server restarts no pod, and the kubelet goes on afterwards', async () => {
    await create('outlives', { containers: [sleeper()] })
    const before = await until('outlives', 'Ready', isReady)
    await node.controlPlane.restart()
    await create('afterwards', { containers: [sleeper()] })
    await until('afterwards', 'Ready', isReady)
    const after = await node.getPod('outlives')
    expect(first(after)).toMatchObject({ restartCount: 0, ready: true, containerID: first(before)?.containerID })
    await node.kubectl(['delete', 'pod', 'outlives', 'afterwards', '--now'])
  })

  test('a restarted kubelet takes its word back on no started and ready container', async () => {
    const probe = { exec: { command: ['test', '-e', '/up'] }, periodSeconds: 1, timeoutSeconds: 20 }
    await create('started', {
      containers: [
        sleeper({ startupProbe: { ...probe, failureThreshold: 200 }, readinessProbe: { ...probe, periodSeconds: 30 } }),
      ],
    })
    await until('started', 'Running', ({ status }) => status.phase === 'Running')
    await exec('started', 'touch /up')
    const before = await until('started', 'Ready', isReady)
    await exec('started', 'rm /up')
    await node.killKubelet('SIGKILL')
    await node.startKubelet()
    await create('witness', { containers: [sleeper()] })
    await until('witness', 'Ready', isReady)
    const after = await node.getPod('started')
    expect(first(after)).toMatchObject({ started: true, ready: true, containerID: first(before)?.containerID })
    await node.kubectl(['delete', 'pod', 'started', 'witness', '--now'])
  })

  test('an ephemeral container looks at the processes of its target', async () => {
    await create('target', { containers: [sleeper()] })
    await until('target', 'Ready', isReady)
    const container = { name: 'debug', image: busyboxImage, command: ['sleep', '1000'], targetContainerName: 'c' }
    const patch = JSON.stringify({ spec: { ephemeralContainers: [container] } })
    await node.kubectl(['patch', 'pod', 'target', '--subresource=ephemeralcontainers', '-p', patch])
    await eventually(
      'debug to run',
      async () => (await node.kubectl(['exec', 'target', '-c', 'debug', '--', 'true'])) === '',
    )
    expect(await node.kubectl(['exec', 'target', '-c', 'debug', '--', 'ps'])).toContain('trap exit TERM')
    await node.kubectl(['delete', 'pod', 'target', '--now'])
  })

  test('a pod that was deleted while the kubelet was down is ended when it comes back', async () => {
    await create('forgotten', { containers: [sleeper()] })
    await until('forgotten', 'Ready', isReady)
    await node.killKubelet('SIGKILL')
    await node.kubectl(['delete', 'pod', 'forgotten', '--force', '--grace-period=0'])
    await node.startKubelet()
    await eventually(
      'orphan to be removed',
      async () =>
        (await node.containerd.ctr('containers', 'ls', '-q', `labels."io.kubernetes.pod.name"==forgotten`)) === '',
      waitMs,
    )
  })

  test('static pods run from files and show as mirror pods', async () => {
    const file = join(node.staticPodPath, 'static.yaml')
    await writeFile(
      file,
      `apiVersion: v1\nkind: Pod\nmetadata: {name: static}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {name: c, image: "${busyboxImage}", command: [sleep, "1000"]}\n`,
    )
    const name = `static-${node.name}`
    const pod = await until(name, 'Ready', isReady)
    expect(pod.metadata.annotations).toMatchObject({ 'kubernetes.io/config.source': 'file' })
    await node.kubectl(['delete', 'pod', name, '--now'])
    const again = await until(name, 'mirrored again', (one) => one.metadata.uid !== pod.metadata.uid && isReady(one))
    expect(first(again)?.containerID).toBe(first(pod)?.containerID)
    await rm(file)
    await eventually(
      'mirror to go',
      async () => {
        try {
          await node.getPod(name)
          return false
        } catch {
          return true
        }
      },
      waitMs,
    )
  })
})
