/**
 * The rules for names, labels, keys and ports. Each `is…` returns upstream's messages; an empty list means valid.
 * Source: apimachinery `util/validation` and `api/validation/path`.
 */
import { isIP } from 'node:net'

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomain = `${label}(\\.${label})*`
const underscoreLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const underscoreSubdomain = `${underscoreLabel}(\\.${underscoreLabel})*`
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const labelValue = `(${qualified})?`
const dns1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const cIdentifier = '[A-Za-z_][A-Za-z0-9_]*'
const envVar = '[-._a-zA-Z][-._a-zA-Z0-9]*'
const configMapKey = '[-._a-zA-Z0-9]+'
const httpHeader = '[-A-Za-z0-9]+'
const percent = '[0-9]+%'

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`)
const labelRegExp = whole(label)
const subdomainRegExp = whole(subdomain)
const underscoreRegExp = whole(underscoreSubdomain)
const wildcardRegExp = whole(`\\*\\.${subdomain}`)
const qualifiedRegExp = whole(qualified)
const labelValueRegExp = whole(labelValue)
const dns1035RegExp = whole(dns1035)
const cIdentifierRegExp = whole(cIdentifier)
const envVarRegExp = whole(envVar)
const configMapKeyRegExp = whole(configMapKey)
const httpHeaderRegExp = whole(httpHeader)
const percentRegExp = whole(percent)

function patternMessage(message: string, pattern: string, ...examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ')
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`
}

function tooLong(max: number): string {
  return `must be no more than ${max} characters`
}

/** The newer of upstream's two wordings: label keys and values have it. */
function tooManyBytes(max: number): string {
  return `must be no more than ${max} bytes`
}

function check(
  value: string,
  max: number,
  pattern: RegExp,
  message: string,
  excess: (max: number) => string = tooLong,
): readonly string[] {
  const messages: string[] = []
  if (Buffer.byteLength(value) > max) messages.push(excess(max))
  if (!pattern.test(value)) messages.push(message)
  return messages
}

const labelMessage = patternMessage(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  label,
  'my-name',
  '123-abc',
)
const subdomainMessage = patternMessage(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  subdomain,
  'example.com',
)
const underscoreMessage = patternMessage(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  underscoreSubdomain,
  'example.com',
)
const wildcardMessage = patternMessage(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  `\\*\\.${subdomain}`,
  '*.example.com',
)
const dns1035Message = patternMessage(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  dns1035,
  'my-name',
  'abc-123',
)
const qualifiedMessage = patternMessage(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  qualified,
  'MyName',
  'my.name',
  '123-abc',
)
const labelValueMessage = patternMessage(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  labelValue,
  'MyValue',
  'my_value',
  '12345',
)
const cIdentifierMessage = patternMessage(
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
  cIdentifier,
  'my_name',
  'MY_NAME',
  'MyName',
)
const envVarMessage = patternMessage(
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
  envVar,
  'my.env-name',
  'MY_ENV.NAME',
  'MyEnvName1',
)
const configMapKeyMessage = patternMessage(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  configMapKey,
  'key.name',
  'KEY_NAME',
  'key-name',
)
const httpHeaderMessage = patternMessage(
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  httpHeader,
  'X-Header-Name',
)
const percentMessage = patternMessage(
  "a valid percent string must be a numeric string followed by an ending '%'",
  percent,
  '1%',
  '93%',
)

/** A name without dots, at most 63 characters: namespaces, containers. */
export function isDns1123Label(value: string): readonly string[] {
  const message = subdomainRegExp.test(value) ? 'must not contain dots' : labelMessage
  return check(value, 63, labelRegExp, message)
}

/** A name with dots, at most 253 characters: most objects. */
export function isDns1123Subdomain(value: string): readonly string[] {
  return check(value, 253, subdomainRegExp, subdomainMessage)
}

/** As `isDns1123Subdomain`, with underscores: names that DNS has for services, in a pod's search list. */
export function isDns1123SubdomainWithUnderscore(value: string): readonly string[] {
  return check(value, 253, underscoreRegExp, underscoreMessage)
}

/** A label that begins with a letter: Services. */
export function isDns1035Label(value: string): readonly string[] {
  return check(value, 63, dns1035RegExp, dns1035Message)
}

/** `*.example.com`, as in Ingress hosts. */
export function isWildcardDns1123Subdomain(value: string): readonly string[] {
  return check(value, 253, wildcardRegExp, wildcardMessage)
}

/** `[prefix/]name`, as in label and annotation keys. */
export function isQualifiedName(value: string): readonly string[] {
  const parts = value.split('/')
  if (parts.length > 2) {
    return [
      `a valid label key ${qualifiedMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const name = parts.length === 2 ? (parts[1] ?? '') : value
  const messages = parts.length === 2 ? prefixMessages(parts[0] ?? '') : []
  if (name === '') messages.push('name part must be non-empty')
  else if (Buffer.byteLength(name) > 63) messages.push(`name part ${tooManyBytes(63)}`)
  if (!qualifiedRegExp.test(name)) messages.push(`name part ${qualifiedMessage}`)
  return messages
}

function prefixMessages(prefix: string): string[] {
  if (prefix === '') return ['prefix part must be non-empty']
  return check(prefix, 253, subdomainRegExp, subdomainMessage, tooManyBytes).map((message) => `prefix part ${message}`)
}

/** The value of a label. */
export function isLabelValue(value: string): readonly string[] {
  return check(value, 63, labelValueRegExp, labelValueMessage, tooManyBytes)
}

/** A C identifier. */
export function isCIdentifier(value: string): readonly string[] {
  return cIdentifierRegExp.test(value) ? [] : [cIdentifierMessage]
}

/** An environment variable's name by the strict rule, as `envFrom` keys are held to. */
export function isEnvVarName(value: string): readonly string[] {
  return [...(envVarRegExp.test(value) ? [] : [envVarMessage]), ...dotsMessages(value)]
}

/** An environment variable's name by the rule of 1.34 and later. */
export function isRelaxedEnvVarName(value: string): readonly string[] {
  if (value === '') return ['environment variable name must be non-empty']
  if (/^[\x20-\x3c\x3e-\x7e]+$/.test(value)) return []
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** A key of a ConfigMap or Secret. */
export function isConfigMapKey(value: string): readonly string[] {
  return [...check(value, 253, configMapKeyRegExp, configMapKeyMessage), ...dotsMessages(value)]
}

/** Keys become file names: `.`, `..` and `..x` would escape or clash with the volume's own links. */
function dotsMessages(value: string): readonly string[] {
  if (value === '.') return [`must not be '.'`]
  if (value === '..') return [`must not be '..'`]
  return value.startsWith('..') ? [`must not start with '..'`] : []
}

/** The name of an HTTP header. */
export function isHttpHeaderName(value: string): readonly string[] {
  return httpHeaderRegExp.test(value) ? [] : [httpHeaderMessage]
}

/** `25%`. */
export function isPercent(value: string): readonly string[] {
  return percentRegExp.test(value) ? [] : [percentMessage]
}

/** What every name must be fit for: one segment of a URL. Used where a kind has no stricter rule (RBAC). */
export function isPathSegmentName(value: string): readonly string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`]
  return ['/', '%']
    .filter((character) => value.includes(character))
    .map((character) => `may not contain '${character}'`)
}

/** A port number. */
export function isPortNumber(value: number): readonly string[] {
  return Number.isInteger(value) && value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive']
}

/** An IANA service name, as `containerPort.name`. */
export function isPortName(value: string): readonly string[] {
  const messages: string[] = []
  if (value.length > 15) messages.push(tooLong(15))
  if (!/^[-a-z0-9]+$/.test(value)) {
    messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  }
  if (!/[a-z]/.test(value)) messages.push('must contain at least one letter (a-z)')
  if (value.includes('--')) messages.push('must not contain consecutive hyphens')
  if (value.startsWith('-') || value.endsWith('-')) messages.push('must not begin or end with a hyphen')
  return messages
}

/** An IP address of either family. */
export function isIpAddress(value: string): readonly string[] {
  return isIP(value) === 0 || value.includes('%')
    ? ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
    : []
}

/** An address range of either family. */
export function isCidr(value: string): readonly string[] {
  const slash = value.indexOf('/')
  const family = slash < 0 || value.includes('%') ? 0 : isIP(value.slice(0, slash))
  const bits = value.slice(slash + 1)
  const valid = family !== 0 && /^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  return valid ? [] : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']
}

/** `acme.io/foo`: signer names, finalizers, conditions. */
export function isDomainPrefixedPath(value: string): readonly string[] {
  const slash = value.indexOf('/')
  if (slash <= 0 || slash === value.length - 1) return ['must be a domain-prefixed path (such as "acme.io/foo")']
  const host = isDns1123Subdomain(value.slice(0, slash)).map((message) => `prefix part ${message}`)
  const path = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(value.slice(slash + 1))
  return path ? host : [...host, `Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`]
}

/** A domain name with at least two segments. */
export function isFullyQualifiedName(value: string): readonly string[] {
  const messages = isDns1123Subdomain(value)
  if (messages.length > 0) return messages
  return value.split('.').length < 2 ? ['should be a domain with at least two segments separated by dots'] : []
}

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789'
const suffixLength = 5
const longestBase = 63 - suffixLength

/** `base` and five characters; `random` returns numbers from 0 up to but not including 1. */
export function generateName(base: string, random: () => number): string {
  return `${base.slice(0, longestBase)}${randomSuffix(suffixLength, random)}`
}

/** Characters that make neither words nor mistakes, as upstream's `rand.String`. */
export function randomSuffix(length: number, random: () => number): string {
  let suffix = ''
  for (let i = 0; i < length; i++) suffix += suffixAlphabet.charAt(Math.floor(random() * suffixAlphabet.length))
  return suffix
}

/** Maps the digits of a hash onto the alphabet of generated names, as upstream's `rand.SafeEncodeString`. */
export function safeEncode(text: string): string {
  let encoded = ''
  for (let i = 0; i < text.length; i++) encoded += suffixAlphabet.charAt(text.charCodeAt(i) % suffixAlphabet.length)
  return encoded
}
