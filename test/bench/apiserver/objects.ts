/** Objects to fill a server with. */

/** A pod of about 1.6 kB as it is stored, like those of a Deployment. */
export function podBody(name: string, node = ''): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'bench', 'pod-template-hash': '5d4f8c7b9d', tier: 'web' } },
    spec: {
      ...(node === '' ? {} : { nodeName: node }),
      containers: [
        {
          name: 'web',
          image: 'registry.example/web:1.2.3',
          ports: [{ containerPort: 8080, name: 'http' }],
          env: [
            { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'LOG_LEVEL', value: 'info' },
          ],
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
        },
      ],
    },
  })
}

/** A node of two cores as a kubelet registers it. */
export function nodeBody(name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': 'a' } },
    status: {
      capacity: { cpu: '2', memory: '4Gi', pods: '110' },
      allocatable: { cpu: '2', memory: '4Gi', pods: '110' },
      addresses: [{ type: 'Hostname', address: name }],
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
      ],
    },
  })
}

/** A CustomResourceDefinition with a schema of some thirty fields. */
export function definitionBody(index: number): string {
  const fields = Object.fromEntries(
    Array.from({ length: 24 }, (_, at) => [
      `field${at}`,
      { type: at % 2 === 0 ? 'string' : 'integer', description: `The field with the number ${at}.` },
    ]),
  )
  const plural = `benches${index}`
  return JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.bench.example` },
    spec: {
      group: 'bench.example',
      scope: 'Namespaced',
      names: { plural, singular: `bench${index}`, kind: `Bench${index}`, listKind: `Bench${index}List` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: { ...fields, list: { type: 'array', items: { type: 'object', properties: fields } } },
                },
                status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              },
            },
          },
        },
      ],
    },
  })
}
