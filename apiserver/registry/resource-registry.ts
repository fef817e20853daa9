/** Which resources are served, by group, version and plural. Custom resources come and go at run time. */
import type { Resource } from '../../api/resource.ts'

/** A group with its versions, the preferred one first. */
export type ServedGroup = { readonly group: string; readonly versions: readonly string[] }

/** The served resources. `onChange` hears of every change: discovery and OpenAPI documents follow it. */
export class ResourceRegistry {
  readonly #byPath = new Map<string, Resource>()
  #groups: readonly ServedGroup[] | undefined
  #byKind: ReadonlyMap<string, Resource> | undefined
  #byPrefix: ReadonlyMap<string, Resource['facts']> | undefined
  readonly #listeners: (() => void)[] = []

  constructor(resources: readonly Resource[]) {
    for (const resource of resources) this.#byPath.set(pathOf(resource), resource)
  }

  get(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`)
  }

  /** The resource whose objects are of this kind. */
  ofKind(group: string, version: string, kind: string): Resource | undefined {
    this.#byKind ??= new Map(
      this.all().map((one) => [`${one.facts.group}/${one.facts.version}/${one.facts.kind}`, one]),
    )
    return this.#byKind.get(`${group}/${version}/${kind}`)
  }

  /** Any version of it, the preferred one first. */
  preferred(group: string, plural: string): Resource | undefined {
    const versions = this.groups().find((served) => served.group === group)?.versions ?? []
    for (const version of versions) {
      const found = this.get(group, version, plural)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Whose objects a key of the store, or the prefix of many, belongs to. */
  byKey(key: string): Resource['facts'] | undefined {
    this.#byPrefix ??= new Map(this.all().map(({ facts }) => [facts.storagePrefix ?? '', facts]))
    for (let at = key.length; at > 0; at = key.lastIndexOf('/', at - 1)) {
      const found = this.#byPrefix.get(key.slice(0, at))
      if (found !== undefined) return found
    }
    return undefined
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.groups().some((served) => served.group === group && served.versions.includes(version))
  }

  all(): readonly Resource[] {
    return [...this.#byPath.values()]
  }

  /** Other versions of the same stored objects. */
  sharingStorage(resource: Resource): readonly Resource[] {
    const prefix = (one: Resource): string | undefined => (one.storedAs?.facts ?? one.facts).storagePrefix
    const wanted = prefix(resource)
    if (wanted === undefined) return []
    return this.all().filter((one) => one !== resource && prefix(one) === wanted)
  }

  inGroupVersion(group: string, version: string): readonly Resource[] {
    return this.all().filter(({ facts }) => facts.group === group && facts.version === version)
  }

  groups(): readonly ServedGroup[] {
    this.#groups ??= collectGroups(this.all())
    return this.#groups
  }

  set(resource: Resource): void {
    this.#byPath.set(pathOf(resource), resource)
    this.#changed()
  }

  remove(resource: Resource): void {
    this.#byPath.delete(pathOf(resource))
    this.#changed()
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #changed(): void {
    this.#groups = undefined
    this.#byKind = undefined
    this.#byPrefix = undefined
    for (const listener of this.#listeners) listener()
  }
}

function pathOf({ facts }: Resource): string {
  return `${facts.group}/${facts.version}/${facts.plural}`
}

function collectGroups(resources: readonly Resource[]): readonly ServedGroup[] {
  const versions = new Map<string, Set<string>>()
  for (const { facts } of resources) {
    const known = versions.get(facts.group) ?? new Set()
    known.add(facts.version)
    versions.set(facts.group, known)
  }
  return [...versions].map(([group, names]) => ({ group, versions: [...names].toSorted(byVersionPriority) }))
}

/** GA before beta before alpha, higher numbers first: `v2`, `v1`, `v1beta1`. Source: `version.CompareKubeAwareVersionStrings`. */
export function byVersionPriority(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)]
  if (left === undefined || right === undefined) {
    if (left === undefined && right === undefined) return a < b ? -1 : a > b ? 1 : 0
    return left === undefined ? 1 : -1
  }
  return right.stage - left.stage || right.major - left.major || right.minor - left.minor
}

function parseVersion(text: string): { stage: number; major: number; minor: number } | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text)
  if (match === null) return undefined
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0
  return { stage, major: Number(match[1]), minor: Number(match[3] ?? 0) }
}
