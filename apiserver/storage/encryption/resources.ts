/** Which rule of an `EncryptionConfiguration` a key of etcd falls under. Pure. */
import { invalidValue } from '../../../apimachinery/field-errors.ts'
import type { StatusCause } from '../../../apimachinery/status.ts'
import type { Transformer, TransformerChain } from './transformer.ts'

/** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group) or `*.*`. */
export type ResourceRule = { readonly resource: string; readonly transformers: readonly Transformer[] }
export type GroupResource = { readonly group: string; readonly plural: string }
/** The resource whose object a key holds; `undefined`: a key of the servers themselves, which no rule is about, as upstream. */
export type KeyReader = (key: string) => GroupResource | undefined

const root = '/registry/'

/** Reads keys by the prefixes of the built-in kinds; custom kinds are stored under their group. */
export function createKeyReader(prefixes: ReadonlyMap<string, GroupResource>): KeyReader {
  return (key) => {
    if (!key.startsWith(root)) return undefined
    const first = key.indexOf('/', root.length)
    const second = key.indexOf('/', first + 1)
    const known = prefixes.get(key.slice(0, first)) ?? prefixes.get(key.slice(0, second))
    if (known !== undefined) return known
    const group = key.slice(root.length, first)
    return group.includes('.') && second > 0 ? { group, plural: key.slice(first + 1, second) } : undefined
  }
}

/** Finds the chain of a resource: its own rule, then its group's, then the rule for everything. */
export function createChainFinder(
  rules: readonly ResourceRule[],
): (resource: GroupResource) => TransformerChain | undefined {
  const chains = new Map(rules.map(({ resource, transformers }) => [withDot(resource), chainOf(transformers)]))
  return ({ group, plural }) => chains.get(`${plural}.${group}`) ?? chains.get(`*.${group}`) ?? chains.get('*.*')
}

function withDot(resource: string): string {
  return resource.includes('.') ? resource : `${resource}.`
}

function chainOf([first, ...rest]: readonly Transformer[]): TransformerChain {
  if (first === undefined) throw new TypeError('a rule has at least one provider')
  return [first, ...rest]
}

/** What is wrong with the resources of one entry. Source: upstream's `validation_encryption.go`. */
export function resourceProblems(resources: readonly string[], path: string): readonly StatusCause[] {
  const named = resources.map((resource) => splitResource(resource))
  return [
    ...(new Set(resources.map(withDot)).size < resources.length
      ? [invalidValue(path, [...resources], 'the same resource cannot be specified multiple times')]
      : []),
    ...(named.some((one, at) => named.some((other, otherAt) => at !== otherAt && covers(one, other)))
      ? [
          invalidValue(
            path,
            [...resources],
            "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
          ),
        ]
      : []),
    ...resources.flatMap((resource, index) => {
      const problem = nameProblem(resource)
      return problem === undefined ? [] : [invalidValue(`${path}[${index}]`, resource, problem)]
    }),
  ]
}

function splitResource(resource: string): GroupResource {
  const dot = resource.indexOf('.')
  return dot < 0 ? { group: '', plural: resource } : { group: resource.slice(dot + 1), plural: resource.slice(0, dot) }
}

function covers(one: GroupResource, other: GroupResource): boolean {
  if (one.group === other.group && one.plural === other.plural) return false
  return one.plural === '*' && (one.group === '*' || one.group === other.group)
}

const serverResources = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations']

function nameProblem(resource: string): string | undefined {
  const { group, plural } = splitResource(resource)
  if (resource.toLowerCase() !== resource) return 'resource name should not contain capital letters'
  if (resource === '*')
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
  if (serverResources.includes(resource)) return 'resources which do not have REST API/s cannot be encrypted'
  if (group === 'events.k8s.io') {
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
  }
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption"
  if (group === '*' && plural !== '*') return 'encrypting the same resource across groups is not supported'
  return undefined
}
