/** FlowSchema: which requests share a priority level. Source: pkg/apis/flowcontrol, `printFlowSchema`. */
import { findCondition } from '../../apimachinery/conditions.ts'
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, each, invalidValues, oneOf, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { labelName, subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateConditions } from './conditions.ts'
import { mandatoryFlowSchemas } from './mandatory.ts'
import type {
  FlowSchema,
  FlowSchemaSpec,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from './v1.ts'

const defaultPrecedence = 1000
const maxPrecedence = 10000

export const flowSchemas = defineResource<FlowSchema>({
  facts: factsOf('flowcontrol.apiserver.k8s.io', 'flowschemas'),
  definition: 'flowcontrol.v1.FlowSchema',
  validateName: subdomainName,
  defaults: (schema) => ({
    ...schema,
    spec: { ...schema.spec, matchingPrecedence: schema.spec.matchingPrecedence || defaultPrecedence },
  }),
  validate: validateSchema,
  validateUpdate: validateSchema,
  // The order in which they are tried. Source: `printFlowSchemaList`.
  tableOrder: (a, b) =>
    a.spec.matchingPrecedence - b.spec.matchingPrecedence || (a.metadata.name < b.metadata.name ? -1 : 1),
  validateStatusUpdate: ({ status }) => validateConditions(status),
  columns: [
    nameColumn,
    text('PriorityLevel', ({ spec }) => spec.priorityLevelConfiguration.name),
    text('MatchingPrecedence', ({ spec }) => spec.matchingPrecedence),
    text('DistinguisherMethod', ({ spec }) => spec.distinguisherMethod?.type ?? '<none>'),
    ageColumn,
    text('MissingPL', ({ status }) => findCondition(dangling(status), 'Dangling')?.status ?? '?'),
  ],
})

function dangling(status: FlowSchema['status']) {
  return (status?.conditions ?? []).map(({ type = '', status: value = '' }) => ({ type, status: value }))
}

function validateSchema(schema: FlowSchema): Causes {
  const { metadata, spec } = schema
  const fixed = metadata.name === 'exempt' || metadata.name === 'catch-all' ? metadata.name : undefined
  return [
    ...validateSpec(metadata.name, spec),
    ...when(fixed !== undefined && !sameJson(spec, mandatoryFlowSchemas[fixed]), () =>
      invalidValue('spec', internalSpec(spec), `spec of '${metadata.name}' must equal the fixed value`),
    ),
    ...validateConditions(schema.status),
  ]
}

/** As upstream's internal type prints it. */
function internalSpec(spec: FlowSchemaSpec): Json {
  const { priorityLevelConfiguration: level, distinguisherMethod: method } = spec
  return asInternal(
    { ...spec, level: { Name: level.name }, method: method && { Type: method.type }, rules: internalRules(spec) },
    [
      ['PriorityLevelConfiguration', 'level'],
      ['MatchingPrecedence', 'matchingPrecedence'],
      ['DistinguisherMethod', 'method'],
      ['Rules', 'rules'],
    ],
  )
}

function internalRules({ rules }: FlowSchemaSpec): Json {
  if (rules === undefined) return null
  return rules.map(({ subjects = [], resourceRules, nonResourceRules }) => ({
    Subjects: subjects.map(internalSubject),
    ResourceRules: resourceRules?.map((rule) => asInternal(rule, internalResourceRule)) ?? null,
    NonResourceRules: nonResourceRules?.map((rule) => asInternal(rule, internalNonResourceRule)) ?? null,
  }))
}

function internalSubject({ kind, user, group, serviceAccount: account }: Subject): Json {
  return {
    Kind: kind,
    User: user === undefined ? null : { Name: user.name },
    Group: group === undefined ? null : { Name: group.name },
    ServiceAccount: account === undefined ? null : { Namespace: account.namespace, Name: account.name },
  }
}

const internalResourceRule = [
  ['Verbs', 'verbs'],
  ['APIGroups', 'apiGroups'],
  ['Resources', 'resources'],
  ['ClusterScope', 'clusterScope', false],
  ['Namespaces', 'namespaces'],
] as const
const internalNonResourceRule = [
  ['Verbs', 'verbs'],
  ['NonResourceURLs', 'nonResourceURLs'],
] as const

function validateSpec(name: string, spec: FlowSchemaSpec): Causes {
  const { matchingPrecedence: precedence, distinguisherMethod, rules } = spec
  return [
    ...when(precedence <= 0, invalidValue('spec.matchingPrecedence', precedence, 'must be a positive value')),
    ...when(
      precedence > maxPrecedence,
      invalidValue('spec.matchingPrecedence', precedence, `must not be greater than ${maxPrecedence}`),
    ),
    ...when(
      precedence === 1 && name !== 'exempt',
      invalidValue(
        'spec.matchingPrecedence',
        precedence,
        "only the schema named 'exempt' may have matchingPrecedence 1",
      ),
    ),
    ...when(distinguisherMethod !== undefined && !methods.includes(distinguisherMethod.type), () =>
      notSupported('spec.distinguisherMethod.type', { Type: distinguisherMethod?.type ?? '' }, methods),
    ),
    ...validateLevelName(spec.priorityLevelConfiguration.name),
    ...each('spec.rules', rules, validateRule),
  ]
}

const methods = ['ByNamespace', 'ByUser']

function validateLevelName(name: string): Causes {
  const field = 'spec.priorityLevelConfiguration.name'
  return name === ''
    ? [required(field, 'must reference a priority level')]
    : invalidValues(field, name, subdomainName(name))
}

function validateRule(
  { subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects,
  field: string,
): Causes {
  return [
    ...when(subjects.length === 0, required(`${field}.subjects`, 'subjects must contain at least one value')),
    ...each(`${field}.subjects`, subjects, validateSubject),
    ...when(
      resourceRules.length === 0 && nonResourceRules.length === 0,
      required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty'),
    ),
    ...each(`${field}.resourceRules`, resourceRules, validateResourceRule),
    ...each(`${field}.nonResourceRules`, nonResourceRules, validateNonResourceRule),
  ]
}

const members = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const

/** A subject has the one member that its kind says. */
function validateSubject(subject: Subject, field: string): Causes {
  const own = Object.entries(members).find(([kind]) => kind === subject.kind)
  if (own === undefined) return oneOf(`${field}.kind`, subject.kind, Object.keys(members))
  const [kind, member] = own
  const others = Object.entries(members).filter(([other, name]) => other !== kind && subject[name] !== undefined)
  return [
    ...(subject[member] === undefined
      ? [required(`${field}.${member}`, `${member} is required when subject kind is '${kind}'`)]
      : validateMember(subject, `${field}.${member}`)),
    ...others.map(([other, name]) =>
      forbiddenField(`${field}.${name}`, `${name} is forbidden when subject kind is not '${other}'`),
    ),
  ]
}

function validateMember({ kind, user, group, serviceAccount }: Subject, field: string): Causes {
  if (kind !== 'ServiceAccount') return when((kind === 'User' ? user : group)?.name === '', required(`${field}.name`))
  const { name = '', namespace = '' } = serviceAccount ?? {}
  return [
    ...(name === ''
      ? [required(`${field}.name`)]
      : invalidValues(`${field}.name`, name, name === '*' ? [] : subdomainName(name))),
    ...(namespace === ''
      ? [required(`${field}.namespace`, 'must specify namespace for service account')]
      : invalidValues(`${field}.namespace`, namespace, labelName(namespace))),
  ]
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

function validateVerbs(list: readonly string[], field: string): Causes {
  if (list.length === 0) return [required(field, 'verbs must contain at least one value')]
  if (list.includes('*')) return aloneIfWildcard(list, field, 'verbs')
  return when(!list.every((verb) => verbs.includes(verb)), notSupported(field, list, verbs))
}

function aloneIfWildcard(list: readonly string[], field: string, what: string): Causes {
  const detail = `if '*' is present, must not specify other ${what}`
  return when(list.length > 1 && list.includes('*'), invalidValue(field, list, detail))
}

function someOrAll(list: readonly string[], field: string, what: string, some: string): Causes {
  return list.length === 0
    ? [required(field, `resource rules must supply at least one ${some}`)]
    : aloneIfWildcard(list, field, what)
}

function validateResourceRule(rule: ResourcePolicyRule, field: string): Causes {
  const { verbs: wanted = [], apiGroups = [], resources = [], namespaces, clusterScope = false } = rule
  return [
    ...validateVerbs(wanted, `${field}.verbs`),
    ...someOrAll(apiGroups, `${field}.apiGroups`, 'api groups', 'api group'),
    ...someOrAll(resources, `${field}.resources`, 'resources', 'resource'),
    ...validateNamespaces(namespaces ?? [], clusterScope, `${field}.namespaces`),
  ]
}

function validateNamespaces(namespaces: readonly string[], clusterScope: boolean, field: string): Causes {
  if (namespaces.length === 0 && !clusterScope) {
    return [required(field, 'resource rules that are not cluster scoped must supply at least one namespace')]
  }
  if (namespaces.includes('*')) return aloneIfWildcard(namespaces, field, 'namespaces')
  return each(field, namespaces, (namespace, path) =>
    invalidValues(
      path,
      namespace,
      labelName(namespace).map((message) => `each member of this list must be '*' or a DNS-1123 label; ${message}`),
    ),
  )
}

function validateNonResourceRule(rule: NonResourcePolicyRule, field: string): Causes {
  const { verbs: wanted = [], nonResourceURLs: urls = [] } = rule
  const path = `${field}.nonResourceURLs`
  return [
    ...validateVerbs(wanted, `${field}.verbs`),
    ...when(urls.length === 0, required(path, 'nonResourceURLs must contain at least one value')),
    ...(urls.includes('*')
      ? aloneIfWildcard(urls, path, 'non-resource URLs')
      : each(path, urls, (url, at) => invalidValues(at, url, urlProblems(url)))),
  ]
}

/** Source: `ValidateNonResourceURLPath`. */
function urlProblems(url: string): readonly string[] {
  if (url === '') return ['must not be empty']
  if (url === '/') return []
  if (!url.startsWith('/')) return ['must start with slash']
  if (url.includes(' ')) return ['must not contain white-space']
  if (url.includes('//')) return ['must not contain double slash']
  const wildcards = url.split('*').length - 1
  return wildcards > 1 || (wildcards === 1 && !url.endsWith('/*')) ? ['wildcard can only do suffix matching'] : []
}
