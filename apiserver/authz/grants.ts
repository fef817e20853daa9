/**
 * Who is bound to which role, found by user and group name instead of by reading every binding at every request. Rebuilt
 * when a binding changes.
 */
import type { UserInfo } from '../http/request-info.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'

/** Who a binding names. */
export type Subject = { readonly kind: string; readonly name: string; readonly namespace?: string }
/** What a binding grants. */
export type RoleRef = { readonly kind: string; readonly name: string }

/** One subject of one binding. */
export type Grant = {
  readonly binding: string
  readonly roleRef: RoleRef
  readonly subject: Subject
  /** Its place among all grants: answers name the first one that allows. */
  readonly order: number
}

type GrantsBySubject = ReadonlyMap<string, readonly Grant[]>
type Binding = {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly roleRef: RoleRef
  readonly subjects?: readonly Subject[]
}

/** The grants of one reader. */
export class Grants {
  readonly #reader: ObjectReader
  #cluster: { readonly revision: number; readonly grants: GrantsBySubject } | undefined
  #namespaced: { readonly revision: number; readonly grants: ReadonlyMap<string, GrantsBySubject> } | undefined

  constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  /** Through ClusterRoleBindings. */
  inCluster(user: UserInfo): readonly Grant[] {
    const revision = this.#reader.revision(kinds.clusterRoleBindings.facts)
    if (this.#cluster?.revision !== revision) {
      this.#cluster = { revision, grants: bySubject(readAll(this.#reader, kinds.clusterRoleBindings)) }
    }
    return ofUser(this.#cluster.grants, user)
  }

  /** Through RoleBindings of a namespace. */
  inNamespace(user: UserInfo, namespace: string): readonly Grant[] {
    const revision = this.#reader.revision(kinds.roleBindings.facts)
    if (this.#namespaced?.revision !== revision) {
      this.#namespaced = { revision, grants: byNamespace(readAll(this.#reader, kinds.roleBindings)) }
    }
    const grants = this.#namespaced.grants.get(namespace)
    return grants === undefined ? [] : ofUser(grants, user)
  }
}

const known = new WeakMap<ObjectReader, Grants>()

/** The one index of a reader. */
export function grantsOf(reader: ObjectReader): Grants {
  const found = known.get(reader) ?? new Grants(reader)
  known.set(reader, found)
  return found
}

function byNamespace(bindings: readonly Binding[]): ReadonlyMap<string, GrantsBySubject> {
  const lists = new Map<string, Binding[]>()
  for (const binding of bindings) {
    const namespace = binding.metadata.namespace ?? ''
    const list = lists.get(namespace)
    if (list === undefined) lists.set(namespace, [binding])
    else list.push(binding)
  }
  return new Map([...lists].map(([namespace, list]) => [namespace, bySubject(list)]))
}

function bySubject(bindings: readonly Binding[]): GrantsBySubject {
  const grants = new Map<string, Grant[]>()
  let order = 0
  for (const { metadata, roleRef, subjects = [] } of bindings) {
    for (const subject of subjects) {
      const key = subjectKey(subject, metadata.namespace ?? '')
      const grant = { binding: metadata.name, roleRef, subject, order: order++ }
      const list = grants.get(key)
      if (list === undefined) grants.set(key, [grant])
      else list.push(grant)
    }
  }
  return grants
}

/** Service accounts are users with a name of their own form; other kinds mean nobody. */
function subjectKey({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string {
  if (kind !== 'ServiceAccount') return `${kind}:${name}`
  return `User:system:serviceaccount:${namespace === '' ? bindingNamespace : namespace}:${name}`
}

function ofUser(grants: GrantsBySubject, user: UserInfo): readonly Grant[] {
  const found = [...(grants.get(`User:${user.name}`) ?? [])]
  for (const group of user.groups) found.push(...(grants.get(`Group:${group}`) ?? []))
  return found.sort((a, b) => a.order - b.order)
}
