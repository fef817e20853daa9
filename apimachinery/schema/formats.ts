/** Formats of strings that schemas of custom resources may ask for; others are ignored. Source: kube-openapi `strfmt`. */
import { base64Problem } from './scalars.ts'

const hex = '[0-9a-f]'

function uuid(version: string, variant: string): RegExp {
  return new RegExp(`^${hex}{8}-?${hex}{4}-?${version}-?${variant}-?${hex}{12}$`, 'i')
}

const four = `${hex}{4}`
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`)
const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const hostname =
  /^(?=.{1,255}$)[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*\.?$/

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: matching(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: matching(/^(?:[^\s@<>]+@[^\s@<>]+|[^<>]*<[^\s@<>]+@[^\s@<>]+>)$/),
  hostname: matching(hostname),
  ipv4: matching(ipv4),
  ipv6: isIpv6,
  cidr: isCidr,
  mac: matching(/^(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4,6}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2,3}[0-9a-f]{4})$/i),
  uuid: matching(uuid(four, four)),
  uuid3: matching(uuid(`3${hex}{3}`, four)),
  uuid4: matching(uuid(`4${hex}{3}`, `[89ab]${hex}{3}`)),
  uuid5: matching(uuid(`5${hex}{3}`, `[89ab]${hex}{3}`)),
  ssn: matching(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matching(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matching(new RegExp(`^rgb\\(\\s*${octet}\\s*,\\s*${octet}\\s*,\\s*${octet}\\s*\\)$`)),
  byte: (text) => base64Problem(text) === undefined && text.length > 0,
  password: () => true,
  date: isDate,
  duration: matching(
    /^[-+]?(?:0|(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$|^\d+ ?(?:ns|nano|nanos|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)$/,
  ),
  datetime: isDateTime,
  'date-time': isDateTime,
  'k8s-short-name': matching(new RegExp(`^${label}$`)),
  'k8s-long-name': (text) =>
    text.length <= 253 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(text),
}

/** Whether the text has the format; formats that are not known fit everything. */
export function fitsFormat(format: string, text: string): boolean {
  const check = Object.hasOwn(checks, format) ? checks[format] : undefined
  return check === undefined || check(text)
}

function matching(pattern: RegExp): (text: string) => boolean {
  return (text) => pattern.test(text)
}

function isUri(text: string): boolean {
  return text.startsWith('/') || (/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) && !/[\s\p{Cc}]/u.test(text))
}

/** The URL parser of the platform knows IPv6. */
function isIpv6(text: string): boolean {
  return text.includes(':') && !/[^0-9a-fA-F:.]/.test(text) && URL.canParse(`http://[${text}]`)
}

function isCidr(text: string): boolean {
  const match = /^(.*)\/(\d{1,3})$/.exec(text)
  const [address = '', bits = ''] = match?.slice(1) ?? []
  if (String(Number(bits)) !== bits) return false
  return ipv4.test(address) ? Number(bits) <= 32 : isIpv6(address) && Number(bits) <= 128
}

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`))
}

function isDateTime(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}[tT ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[zZ]|[-+]\d{2}:\d{2})$/.test(text) &&
    isDate(text.slice(0, 10))
  )
}
