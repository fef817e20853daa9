/** The policies that hold, each with its bindings, compiled once for each state of the policy. */
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/admissionregistration/v1.ts'
import type { DefinitionName } from '../../../api/facts/table.ts'
import type { ObjectReader } from '../../registry/reader.ts'
import type { BuiltIn } from '../../registry/typed-reader.ts'
import { type Match, matchOf } from './match.ts'

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy
type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding

/** One policy, ready to be used. */
export type PolicyHook<P, B, Compiled> = {
  readonly policy: P
  readonly match: Match
  readonly compiled: Compiled
  readonly bindings: readonly BindingHook<B>[]
}
export type BindingHook<B> = {
  readonly binding: B
  /** Absent: wherever the policy holds. */
  readonly match: Match | undefined
}

/** Where policies come from. */
export type HookSource<P, B, Compiled> = {
  readonly reader: ObjectReader
  readonly kinds: readonly [BuiltIn<DefinitionName>, BuiltIn<DefinitionName>]
  readonly policies: () => readonly P[]
  readonly bindings: () => readonly B[]
  readonly compile: (policy: P) => Compiled
}

/** Reads policies that have bindings, sorted by name; anew only when something has changed. */
export function policyHooks<P extends Policy, B extends Binding, Compiled>(
  source: HookSource<P, B, Compiled>,
): () => readonly PolicyHook<P, B, Compiled>[] {
  let revision = ''
  let hooks: readonly PolicyHook<P, B, Compiled>[] = []
  return () => {
    const current = source.kinds.map(({ facts }) => source.reader.revision(facts)).join(' ')
    if (current !== revision) {
      hooks = collect(source, hooks)
      revision = current
    }
    return hooks
  }
}

function collect<P extends Policy, B extends Binding, Compiled>(
  source: HookSource<P, B, Compiled>,
  before: readonly PolicyHook<P, B, Compiled>[],
): readonly PolicyHook<P, B, Compiled>[] {
  const bindings = bindingsByPolicy(source.bindings())
  const kept = new Map(before.map((hook) => [identity(hook.policy), hook.compiled]))
  return source
    .policies()
    .toSorted(byName)
    .flatMap((policy) => {
      const own = bindings.get(policy.metadata.name)
      if (own === undefined) return []
      const match = matchOf(policy.spec.matchConstraints ?? {})
      return [{ policy, match, compiled: kept.get(identity(policy)) ?? source.compile(policy), bindings: own }]
    })
}

function bindingsByPolicy<B extends Binding>(bindings: readonly B[]): ReadonlyMap<string, readonly BindingHook<B>[]> {
  const byPolicy = new Map<string, BindingHook<B>[]>()
  for (const binding of bindings.toSorted(byName)) {
    const { policyName = '', matchResources } = binding.spec
    const hook = { binding, match: matchResources === undefined ? undefined : matchOf(matchResources) }
    byPolicy.set(policyName, [...(byPolicy.get(policyName) ?? []), hook])
  }
  return byPolicy
}

function identity({ metadata: { uid, resourceVersion } }: Policy): string {
  return `${uid} ${resourceVersion}`
}

function byName(a: Policy | Binding, b: Policy | Binding): number {
  return a.metadata.name < b.metadata.name ? -1 : 1
}
