/** Names of images: `busybox` means `docker.io/library/busybox:latest`. Pure. Source: the reference grammar of distribution. */

const domain =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/
const component = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/

export type ImageName = {
  readonly registry: string
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

/** The parts of a name, or upstream's reason why it is none. */
export function parseImageName(text: string): ImageName | string {
  const [beforeDigest = '', digest] = split(text, '@')
  const slash = beforeDigest.lastIndexOf('/')
  const colon = beforeDigest.indexOf(':', slash + 1)
  const tag = colon === -1 ? undefined : beforeDigest.slice(colon + 1)
  const path = colon === -1 ? beforeDigest : beforeDigest.slice(0, colon)
  const { registry, repository } = withRegistry(path)
  if (path.toLowerCase() !== path && repository.toLowerCase() !== repository) {
    return 'invalid reference format: repository name must be lowercase'
  }
  const valid =
    domain.test(registry) &&
    repository.split('/').every((part) => component.test(part)) &&
    (tag === undefined || tagPattern.test(tag)) &&
    (digest === undefined || digestPattern.test(digest))
  if (!valid) return 'invalid reference format'
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** What the runtime is asked for: a name without tag and digest means `latest`; any other stays as it is. */
export function withDefaultTag(text: string, name: ImageName): string {
  if (name.tag !== undefined || name.digest !== undefined) return text
  return `${name.registry}/${name.repository}:latest`
}

function withRegistry(path: string): { readonly registry: string; readonly repository: string } {
  const slash = path.indexOf('/')
  const first = slash === -1 ? '' : path.slice(0, slash)
  const isRegistry =
    first.includes('.') || first.includes(':') || first === 'localhost' || first.toLowerCase() !== first
  if (isRegistry) {
    const repository = path.slice(slash + 1)
    const registry = first === 'index.docker.io' ? 'docker.io' : first
    return { registry, repository: registry === 'docker.io' ? official(repository) : repository }
  }
  return { registry: 'docker.io', repository: official(path) }
}

function official(repository: string): string {
  return repository.includes('/') ? repository : `library/${repository}`
}

function split(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
