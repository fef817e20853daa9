/** What a cluster's FlowSchemas and priority levels are, unless an admin changes them. Source: upstream's bootstrap configuration. */
import { allRequestsOf, mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/mandatory.ts'
import type {
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from '../../api/flowcontrol/v1.ts'

/** `isMandatory`: it is put right whatever its annotation says. */
export type ConfigurationObject = {
  readonly plural: 'flowschemas' | 'prioritylevelconfigurations'
  readonly name: string
  readonly spec: FlowSchemaSpec | PriorityLevelConfigurationSpec
  readonly isMandatory: boolean
}

type LevelFacts = readonly [name: string, shares: number, lendable: number, queues: number, handSize: number]

const suggestedLevels: readonly LevelFacts[] = [
  ['system', 30, 33, 64, 6],
  ['node-high', 40, 25, 64, 6],
  ['leader-election', 10, 0, 16, 4],
  ['workload-high', 40, 50, 128, 6],
  ['workload-low', 100, 90, 128, 6],
  ['global-default', 20, 50, 128, 6],
]
const queueLengthLimit = 50

function limited([, shares, lendable, queues, handSize]: LevelFacts): PriorityLevelConfigurationSpec {
  return {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit } },
      lendablePercent: lendable,
    },
  }
}

type Distinguisher = 'ByUser' | 'ByNamespace'

function schema(
  level: string,
  precedence: number,
  by: Distinguisher | undefined,
  ...rules: readonly PolicyRulesWithSubjects[]
): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
    rules,
  }
}

function user(name: string): Subject {
  return { kind: 'User', user: { name } }
}

function group(name: string): Subject {
  return { kind: 'Group', group: { name } }
}

const systemAccounts: Subject = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } }
const everyone = ['system:unauthenticated', 'system:authenticated'] as const
const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] } as const
const ofNodes: ResourcePolicyRule = {
  verbs: ['*'],
  apiGroups: [''],
  resources: ['nodes', 'nodes/status'],
  clusterScope: true,
  namespaces: ['*'],
}

function everythingOf(...subjects: readonly Subject[]): PolicyRulesWithSubjects {
  return { ...allRequestsOf(), subjects }
}

const suggestedSchemas: Readonly<Record<string, FlowSchemaSpec>> = {
  'system-nodes': schema('system', 500, 'ByUser', everythingOf(group('system:nodes'))),
  'system-node-high': schema('node-high', 400, 'ByUser', {
    subjects: [group('system:nodes')],
    resourceRules: [ofNodes, { verbs: ['*'], ...leases }],
  }),
  probes: schema('exempt', 2, undefined, {
    subjects: everyone.map(group),
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  'system-leader-election': schema('leader-election', 100, 'ByUser', {
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), systemAccounts],
    resourceRules: [{ verbs: ['get', 'create', 'update'], ...leases }],
  }),
  'kube-controller-manager': schema(
    'workload-high',
    800,
    'ByNamespace',
    everythingOf(user('system:kube-controller-manager')),
  ),
  'kube-scheduler': schema('workload-high', 800, 'ByNamespace', everythingOf(user('system:kube-scheduler'))),
  'kube-system-service-accounts': schema('workload-high', 900, 'ByNamespace', everythingOf(systemAccounts)),
  'service-accounts': schema('workload-low', 9000, 'ByUser', everythingOf(group('system:serviceaccounts'))),
  'global-default': schema('global-default', 9900, 'ByUser', everythingOf(...everyone.map(group))),
}

function objects(
  plural: ConfigurationObject['plural'],
  specs: Readonly<Record<string, ConfigurationObject['spec']>>,
  isMandatory: boolean,
): readonly ConfigurationObject[] {
  return Object.entries(specs).map(([name, spec]) => ({ plural, name, spec, isMandatory }))
}

/** The whole configuration; levels come before the schemas that lead to them. */
export const bootstrapConfiguration: readonly ConfigurationObject[] = [
  ...objects('prioritylevelconfigurations', mandatoryPriorityLevels, true),
  ...objects(
    'prioritylevelconfigurations',
    Object.fromEntries(suggestedLevels.map((facts) => [facts[0], limited(facts)])),
    false,
  ),
  ...objects('flowschemas', mandatoryFlowSchemas, true),
  ...objects('flowschemas', suggestedSchemas, false),
]
