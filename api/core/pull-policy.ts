/** When an image is fetched, unless the author says. Source: `SetDefaults_Container`, `parsers.ParseImageName`. */

/** The grammar of image names. Source: distribution/reference. */
const host = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const domain = `(?:${host}(?:\\.${host})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const tag = '[\\w][\\w.-]{0,127}'
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'
const imageName = new RegExp(
  `^(?<name>(?:(?<domain>${domain})/)?(?<path>${part}(?:/${part})*))(?::(?<tag>${tag}))?(?:@(?<digest>${digest}))?$`,
)
const maxName = 255
/** The longest of all references, so that matching ends soon whatever is sent. */
const maxReference = 4096

/** `Always` for `:latest` or no tag at all; a digest alone is never refetched, nor what is no name. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  const groups = image.length > maxReference ? undefined : imageName.exec(normalized(image))?.groups
  const name = groups?.['name'] ?? ''
  if (groups === undefined || name.length > maxName || /^[a-f0-9]{64}$/.test(image)) return 'IfNotPresent'
  const { tag: given, digest: exact } = groups
  return given === 'latest' || (given === undefined && exact === undefined) ? 'Always' : 'IfNotPresent'
}

/** With the domain that is meant where none is given: the first part is one only when it looks like one. */
function normalized(image: string): string {
  const slash = image.indexOf('/')
  const first = image.slice(0, Math.max(slash, 0))
  const isDomain = slash > 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  return isDomain ? image : `docker.io/${image}`
}
