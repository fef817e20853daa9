/** Configurations of webhooks for tests, removed behind each test. */
import { afterEach } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import type { ConformanceCluster } from './fixture.ts'
import { type WebhookServer, webhookServer } from './webhook-server.ts'

export type WebhookKind = 'Validating' | 'Mutating'
export type Webhooks = WebhookServer & {
  /** One entry of `webhooks`, asked at `/<name>` about one rule; `more` overrides. */
  readonly hook: (name: string, rule: object, more?: object) => object
  /** Creates a configuration, or fails the test. */
  readonly configure: (kind: WebhookKind, name: string, webhooks: readonly object[]) => Promise<RawAnswer['json']>
}

/** Where the configurations of a kind are. */
export function configurationsPath(kind: WebhookKind): string {
  return `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`
}

/** A configuration as it is sent. */
export function configuration(kind: WebhookKind, name: string, webhooks: readonly object[], labels: object = {}) {
  const apiVersion = 'admissionregistration.k8s.io/v1'
  return { apiVersion, kind: `${kind}WebhookConfiguration`, metadata: { name, labels }, webhooks }
}

/** A rule about one resource. */
export function rule(operations: readonly string[], resource: string, group = '', version = '*'): object {
  return { operations, apiGroups: [group], apiVersions: [version], resources: [resource] }
}

/** Selects one namespace. */
export function only(namespace: string): object {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }
}

/** The server of webhooks of a file, and what configures them. */
export function webhooksOf(cluster: ConformanceCluster): Webhooks {
  const server = webhookServer(cluster)
  afterEach(async () => {
    for (const kind of ['Validating', 'Mutating'] as const) {
      await cluster.expectCode(200, configurationsPath(kind), { method: 'DELETE' })
    }
  })
  return {
    ...server,
    hook: (name, rules, more = {}) => ({
      name: `${name}.example.com`,
      clientConfig: server.clientConfig(`/${name}`),
      rules: [rules],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      ...more,
    }),
    configure: async (kind, name, webhooks) =>
      await cluster.expectCode(201, configurationsPath(kind), {
        method: 'POST',
        body: configuration(kind, name, webhooks),
      }),
  }
}
