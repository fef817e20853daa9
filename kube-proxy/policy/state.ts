/**
 * The cluster as policies see it, kept up to date change by change. Pods with the same namespace and labels form a
 * class, and selectors are tried against classes; a change of a pod touches the sets that choose it, and nothing else.
 */
import { matches } from '../../apimachinery/selector/labels.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { CompiledPolicy, Direction, Selection } from './compile.ts'
import { type Elements, type PlannedSet, type PolicyPlan, type Profile, policyName } from './plan.ts'
import { familyOf, type PolicyPod } from './pod.ts'
import { type BuiltProfile, buildProfile, type NamedPortSource, profileName, type SetSource } from './profile.ts'
import { rangeTest } from './ranges.ts'

type Labels = Readonly<Record<string, string>>

type PodClass = {
  readonly key: string
  readonly namespace: string
  readonly labels: Labels
  readonly pods: Map<string, PolicyPod>
  /** The policies that select the class, found again when policies of the namespace change. */
  selectedBy: readonly CompiledPolicy[] | undefined
}
type SetState = { readonly source: SetSource; planned: PlannedSet; isStale: boolean; readonly classes: Set<PodClass> }

const directions: readonly Direction[] = ['ingress', 'egress']

/** Takes changes, gives plans. */
export class PolicyState {
  readonly #namespaces = new Map<string, Labels>()
  readonly #pods = new Map<string, PolicyPod>()
  readonly #locals = new Map<string, PolicyPod>()
  readonly #classes = new Map<string, PodClass>()
  readonly #classesIn = new Map<string, Set<PodClass>>()
  readonly #podsByPort = new Map<string, Map<string, PolicyPod>>()
  readonly #policies = new Map<string, CompiledPolicy>()
  readonly #policiesIn = new Map<string, Map<string, CompiledPolicy>>()
  #sets = new Map<string, SetState>()
  #profiles = new Map<string, BuiltProfile & { readonly policies: readonly CompiledPolicy[] }>()
  #members: PolicyPlan['members'] = new Map()

  /** `undefined` removes. All setters tell whether a new plan may differ. */
  setNamespace(name: string, labels: Labels | undefined): boolean {
    const before = this.#namespaces.get(name)
    if (before === labels || (before !== undefined && labels !== undefined && isSameRecord(before, labels)))
      return false
    if (labels === undefined) this.#namespaces.delete(name)
    else this.#namespaces.set(name, labels)
    for (const each of this.#classesIn.get(name) ?? []) {
      for (const set of this.#sets.values()) this.#tryClass(set, each)
      for (const pod of each.pods.values()) this.#touchPorts(pod)
    }
    return true
  }

  setPolicy(key: string, policy: CompiledPolicy | undefined): boolean {
    const before = this.#policies.get(key)
    if (before === policy) return false
    const namespace = key.slice(0, key.indexOf('/'))
    const inNamespace = this.#policiesIn.get(namespace) ?? new Map<string, CompiledPolicy>()
    if (policy === undefined) {
      this.#policies.delete(key)
      inNamespace.delete(key)
      if (inNamespace.size === 0) this.#policiesIn.delete(namespace)
    } else {
      this.#policies.set(key, policy)
      this.#policiesIn.set(namespace, inNamespace.set(key, policy))
    }
    for (const each of this.#classesIn.get(namespace) ?? []) each.selectedBy = undefined
    return true
  }

  setPod(key: string, pod: PolicyPod | undefined): boolean {
    const before = this.#pods.get(key)
    if (before === pod || (before !== undefined && pod !== undefined && isSamePod(before, pod))) return false
    if (before !== undefined) this.#remove(before)
    if (pod !== undefined) this.#add(pod)
    return true
  }

  /** Addresses that the pod has now. */
  pod(key: string): PolicyPod | undefined {
    return this.#pods.get(key)
  }

  /** What the node's rules have to be. Costs what changed since the last call, and a look at each of this node's pods. */
  plan(): PolicyPlan {
    const members = new Map<string, Record<Family, Set<string>>>()
    const built = new Map<string, BuiltProfile & { readonly policies: readonly CompiledPolicy[] }>()
    for (const [ip, pod] of this.#localAddresses()) {
      for (const direction of directions) {
        const policies = this.#policiesOf(pod).filter((policy) => policy[direction] !== undefined)
        if (policies.length === 0) continue
        const name = profileName(
          direction,
          policies.map(({ key }) => key),
        )
        if (!built.has(name)) built.set(name, this.#profile(name, direction, policies))
        const of = members.get(name) ?? { ip: new Set(), ip6: new Set() }
        of[familyOf(ip)].add(ip)
        members.set(name, of)
      }
    }
    this.#profiles = built
    this.#members = new Map(
      [...members].map(([name, elements]) => [name, sameElements(this.#members.get(name), elements)]),
    )
    return { sets: this.#planSets(), profiles: profilesOf(built), members: this.#members }
  }

  #profile(name: string, direction: Direction, policies: readonly CompiledPolicy[]) {
    const known = this.#profiles.get(name)
    if (known !== undefined && isSameList(known.policies, policies)) return known
    return { ...buildProfile(direction, policies), policies }
  }

  /** The pod of each address. Two pods have one only while the older one is on its way out: the newer one counts. */
  #localAddresses(): ReadonlyMap<string, PolicyPod> {
    const owners = new Map<string, PolicyPod>()
    for (const pod of this.#locals.values()) {
      for (const ip of pod.ips) {
        const other = owners.get(ip)
        if (other === undefined || isNewer(pod, other)) owners.set(ip, pod)
      }
    }
    return owners
  }

  #policiesOf(pod: PolicyPod): readonly CompiledPolicy[] {
    const of = this.#classes.get(classKey(pod))
    if (of === undefined) return []
    of.selectedBy ??= [...(this.#policiesIn.get(of.namespace)?.values() ?? [])]
      .filter(({ targets }) => matches(targets, of.labels))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    return of.selectedBy
  }

  #planSets(): ReadonlyMap<string, PlannedSet> {
    const needed = new Map<string, SetState>()
    for (const { sources } of this.#profiles.values()) {
      for (const source of sources) {
        if (!needed.has(source.name)) needed.set(source.name, this.#sets.get(source.name) ?? this.#newSet(source))
      }
    }
    this.#sets = needed
    const planned = new Map<string, PlannedSet>()
    for (const [name, set] of needed) {
      if (set.isStale) set.planned = sameSet(set.planned, this.#elementsOf(set))
      set.isStale = false
      planned.set(name, set.planned)
    }
    return planned
  }

  #newSet(source: SetSource): SetState {
    const type = ({ pods: 'addresses', ranges: 'subnets', ports: 'ports' } as const)[source.type]
    const planned: PlannedSet = { type, name: source.name, elements: { ip: new Set(), ip6: new Set() } }
    const set: SetState = { source, planned, isStale: true, classes: new Set() }
    for (const each of this.#classes.values()) this.#tryClass(set, each)
    return set
  }

  #elementsOf({ source, classes }: SetState): Elements {
    switch (source.type) {
      case 'ranges':
        return { ip: new Set(source.ranges.ip), ip6: new Set(source.ranges.ip6) }
      case 'pods':
        return addressesOf(classes)
      case 'ports':
        return this.#portElements(source)
    }
  }

  #portElements(source: NamedPortSource): Elements {
    const isMeant = this.#portTest(source)
    const { protocol, port: name } = source
    const elements: Record<Family, Set<string>> = { ip: new Set(), ip6: new Set() }
    for (const pod of this.#podsByPort.get(portKey(source.protocol, name))?.values() ?? []) {
      for (const ip of pod.ips.filter((each) => isMeant(pod, each))) {
        for (const port of pod.ports) {
          if (port.name !== name || port.protocol !== protocol) continue
          elements[familyOf(ip)].add(`${ip},${protocol.toLowerCase()}:${port.port}`)
        }
      }
    }
    return elements
  }

  #portTest({ of }: NamedPortSource): (pod: PolicyPod, ip: string) => boolean {
    switch (of.type) {
      case 'targets':
        return (pod) => pod.isLocal && pod.namespace === of.namespace
      case 'any':
        return () => true
      case 'pods':
        return (pod) => this.#isChosen(of.selection, pod)
      case 'ranges': {
        const isInside = rangeTest(of.ranges)
        return (_, ip) => isInside(ip)
      }
    }
  }

  #isChosen({ pods, namespaces }: Selection, { namespace, labels }: Pick<PolicyPod, 'namespace' | 'labels'>): boolean {
    if (namespaces.type === 'name') return namespaces.name === namespace && matches(pods, labels)
    // A namespace that is not known yet is chosen by no selector: one of absent labels would open too much.
    const of = this.#namespaces.get(namespace)
    return of !== undefined && matches(namespaces.selector, of) && matches(pods, labels)
  }

  #tryClass(set: SetState, each: PodClass): void {
    if (set.source.type !== 'pods') return
    const isChosen = this.#isChosen(set.source.selection, each)
    if (isChosen === set.classes.has(each)) return
    if (isChosen) set.classes.add(each)
    else set.classes.delete(each)
    set.isStale = true
  }

  #add(pod: PolicyPod): void {
    this.#pods.set(pod.key, pod)
    if (pod.isLocal) this.#locals.set(pod.key, pod)
    const key = classKey(pod)
    const of = this.#classes.get(key) ?? this.#newClass(key, pod)
    of.pods.set(pod.key, pod)
    for (const port of pod.ports) {
      const byPort = this.#podsByPort.get(portKey(port.protocol, port.name)) ?? new Map<string, PolicyPod>()
      this.#podsByPort.set(portKey(port.protocol, port.name), byPort.set(pod.key, pod))
    }
    this.#touch(of, pod)
  }

  #newClass(key: string, { namespace, labels }: PolicyPod): PodClass {
    const made: PodClass = { key, namespace, labels, pods: new Map(), selectedBy: undefined }
    this.#classes.set(key, made)
    this.#classesIn.set(namespace, (this.#classesIn.get(namespace) ?? new Set()).add(made))
    for (const set of this.#sets.values()) this.#tryClass(set, made)
    return made
  }

  #remove(pod: PolicyPod): void {
    this.#pods.delete(pod.key)
    this.#locals.delete(pod.key)
    const of = this.#classes.get(classKey(pod))
    if (of === undefined) return
    of.pods.delete(pod.key)
    this.#touch(of, pod)
    for (const port of pod.ports) {
      const key = portKey(port.protocol, port.name)
      this.#podsByPort.get(key)?.delete(pod.key)
      if (this.#podsByPort.get(key)?.size === 0) this.#podsByPort.delete(key)
    }
    if (of.pods.size === 0) this.#dropClass(of)
  }

  #dropClass(of: PodClass): void {
    this.#classes.delete(of.key)
    const siblings = this.#classesIn.get(of.namespace)
    siblings?.delete(of)
    if (siblings?.size === 0) this.#classesIn.delete(of.namespace)
    for (const set of this.#sets.values()) set.classes.delete(of)
  }

  #touch(of: PodClass, pod: PolicyPod): void {
    for (const set of this.#sets.values()) if (set.classes.has(of)) set.isStale = true
    this.#touchPorts(pod)
  }

  #touchPorts({ ports }: PolicyPod): void {
    if (ports.length === 0) return
    const keys = new Set(ports.map(({ protocol, name }) => portKey(protocol, name)))
    for (const set of this.#sets.values()) {
      const { source } = set
      if (source.type === 'ports' && keys.has(portKey(source.protocol, source.port))) set.isStale = true
    }
  }
}

/** The set of a profile's members, by the profile's name. */
export function membersName(profile: string): string {
  return policyName('members', profile)
}

function profilesOf(built: ReadonlyMap<string, BuiltProfile>): ReadonlyMap<string, Profile> {
  return new Map([...built].map(([name, { profile }]) => [name, profile]))
}

function classKey({ namespace, labels }: Pick<PolicyPod, 'namespace' | 'labels'>): string {
  return JSON.stringify([namespace, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))])
}

function portKey(protocol: string, name: string): string {
  return `${protocol}:${name}`
}

function isNewer(pod: PolicyPod, other: PolicyPod): boolean {
  if (pod.createdAt !== other.createdAt) return pod.createdAt > other.createdAt
  return pod.key > other.key
}

function addressesOf(classes: Iterable<PodClass>): Elements {
  const elements: Record<Family, Set<string>> = { ip: new Set(), ip6: new Set() }
  for (const { pods } of classes)
    for (const { ips } of pods.values()) for (const ip of ips) elements[familyOf(ip)].add(ip)
  return elements
}

function sameSet(before: PlannedSet, elements: Elements): PlannedSet {
  const kept = sameElements(before.elements, elements)
  return kept === before.elements ? before : { ...before, elements: kept }
}

/** What was there before where it is equal, so that nobody looks into it again. */
function sameElements(before: Elements | undefined, after: Elements): Elements {
  if (before === undefined) return after
  const ip = isSameSet(before.ip, after.ip) ? before.ip : after.ip
  const ip6 = isSameSet(before.ip6, after.ip6) ? before.ip6 : after.ip6
  return ip === before.ip && ip6 === before.ip6 ? before : { ip, ip6 }
}

function isSameSet(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  if (left.size !== right.size) return false
  for (const each of left) if (!right.has(each)) return false
  return true
}

function isSameList<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((each, index) => each === right[index])
}

function isSameRecord(left: Labels, right: Labels): boolean {
  const keys = Object.keys(left)
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key])
}

function isSamePod(left: PolicyPod, right: PolicyPod): boolean {
  return (
    left.isLocal === right.isLocal &&
    left.createdAt === right.createdAt &&
    left.uid === right.uid &&
    isSameList(left.ips, right.ips) &&
    isSameRecord(left.labels, right.labels) &&
    JSON.stringify(left.ports) === JSON.stringify(right.ports)
  )
}
