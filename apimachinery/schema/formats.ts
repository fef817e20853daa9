/** Formats of strings that schemas of custom resources may ask for; others are ignored. Source: kube-openapi `strfmt`. */

const hex = '[0-9a-f]'

function uuid(version: string, variant: string): RegExp {
  return new RegExp(`^${hex}{8}-?${hex}{4}-?${version}-?${variant}-?${hex}{12}$`, 'i')
}

const four = `${hex}{4}`
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
// Go once read leading zeros, and so they are let through.
const ipv4 = new RegExp(`^0*${octet}(?:\\.0*${octet}){3}$`)
const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
// Symbols and letters of any script are let through. Source: `HostnamePattern`.
const hostLabel = '[a-zA-Z0-9\\p{S}\\p{L}]'
const hostname = new RegExp(
  `^(?:${hostLabel}(?:-?${hostLabel}{0,62})?|(?:${hostLabel}(?:(?:${hostLabel}|-){0,61}${hostLabel})?\\.)+[a-zA-Z\\p{L}]{2,63})$`,
  'u',
)
const cardNumber =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11}|6[27]\d{14})$/
const rgb = '\\s*(?:0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*'

/** By their names without dashes, as upstream looks them up. */
const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: matching(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: isEmail,
  hostname: (text) => text.length <= 255 && hostname.test(text) && text.split('.').every((part) => part.length <= 63),
  ipv4: (text) => ipv4.test(text) || (text.includes('.') && isIpv6(text)),
  ipv6: isIpv6,
  cidr: isCidr,
  mac: matching(
    /^[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}(?:(?::[0-9a-f]{2}){2}|(?::[0-9a-f]{2}){14})?|(?:-[0-9a-f]{2}){5}(?:(?:-[0-9a-f]{2}){2}|(?:-[0-9a-f]{2}){14})?)$|^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}(?:\.[0-9a-f]{4}|(?:\.[0-9a-f]{4}){7})?$/i,
  ),
  uuid: matching(uuid(four, four)),
  uuid3: matching(uuid(`3${hex}{3}`, four)),
  uuid4: matching(uuid(`4${hex}{3}`, `[89ab]${hex}{3}`)),
  uuid5: matching(uuid(`5${hex}{3}`, `[89ab]${hex}{3}`)),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: matching(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matching(new RegExp(`^rgb\\(${rgb},${rgb},${rgb}\\)$`)),
  byte: matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/),
  password: () => true,
  date: isDate,
  duration: (text) => durationNanos(text) !== undefined,
  datetime: isDateTime,
  k8sshortname: matching(new RegExp(`^${label}$`)),
  k8slongname: (text) =>
    text.length <= 253 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(text),
}

/** The format that values are held to: formats that are not known, or not for this type, are ignored. */
export function formatOf(type: string, format: string): string {
  switch (type) {
    case '':
    case 'string':
      return Object.hasOwn(checks, format.replaceAll('-', '')) ? format : ''
    case 'integer':
      return format === 'int32' || format === 'int64' ? format : ''
    case 'number':
      return format === 'float' || format === 'double' ? format : ''
    default:
      return ''
  }
}

/** Whether the text has the format; formats that are not known fit everything. */
export function fitsFormat(format: string, text: string): boolean {
  const name = format.replaceAll('-', '')
  const check = Object.hasOwn(checks, name) ? checks[name] : undefined
  return check === undefined || check(text)
}

function matching(pattern: RegExp): (text: string) => boolean {
  return (text) => pattern.test(text)
}

/** Source: Go's `url.ParseRequestURI`: an absolute URL or an absolute path. */
function isUri(text: string): boolean {
  // A path may have spaces.
  if (/\p{Cc}/u.test(text) || (text.includes(' ') && !text.startsWith('/'))) return false
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return false
  const host = /^(?:[^/?#]*:)?\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(text)?.[1] ?? ''
  if (!/^(?:\[[^\]]*\]|[^[\]:]*)(?::\d*)?$/.test(host)) return false
  return text.startsWith('/') || /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text)
}

const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\uffff-]+"
const address = `(?:${atom}(?:\\.${atom})*|"(?:[^"\\\\\\r\\n]|\\\\.)*")@(?:${atom}(?:\\.${atom})*|\\[[^\\]]*\\])`
const plainEmail = new RegExp(`^\\s*${address}\\s*$`)
// Each alternative begins with another character, so that no text takes long.
const namedEmail = new RegExp(`^(?:${atom.slice(0, -1)}|[.\\s]|"(?:[^"\\\\\\r\\n]|\\\\.)*")*<${address}>\\s*$`)

/** Source: Go's `mail.ParseAddress`, without comments. */
function isEmail(text: string): boolean {
  return plainEmail.test(text) || namedEmail.test(text)
}

/** The URL parser of the platform knows IPv6. */
function isIpv6(text: string): boolean {
  return text.includes(':') && !/[^0-9a-fA-F:.]/.test(text) && URL.canParse(`http://[${text}]`)
}

function isCidr(text: string): boolean {
  const match = /^(.*)\/(\d{1,3})$/.exec(text)
  const [host = '', bits = ''] = match?.slice(1) ?? []
  return ipv4.test(host) ? Number(bits) <= 32 : isIpv6(host) && Number(bits) <= 128
}

function digitsOf(text: string): readonly number[] {
  return [...text].map((digit) => (digit === 'X' ? 10 : Number(digit)))
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '')
  return /^(?:\d{9}X|\d{10})$/.test(digits) && digitsOf(digits).reduce((sum, d, i) => sum + (i + 1) * d, 0) % 11 === 0
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '')
  return (
    /^\d{13}$/.test(digits) && digitsOf(digits).reduce((sum, d, i) => sum + (i % 2 === 0 ? d : 3 * d), 0) % 10 === 0
  )
}

/** Luhn's sum: from the right, every second digit counts twice. */
function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D+/g, '')
  const twice = (digit: number): number => (digit < 5 ? 2 * digit : 2 * digit - 9)
  const sum = digitsOf(digits)
    .toReversed()
    .reduce((total, digit, i) => total + (i % 2 === 0 ? digit : twice(digit)), 0)
  return cardNumber.test(digits) && sum % 10 === 0
}

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  if (match === null) return false
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number)
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  return days !== undefined && day >= 1 && day <= days
}

/** Source: strfmt `IsDateTime`: hours, minutes and seconds are looked at, the offset is not. */
function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t')
  if (time === undefined || !isDate(date)) return false
  const match = /^(\d{2}):(\d{2}):(\d{2})(?:.\d+)?(?:z|[+-]\d{2}:\d{2})$/.exec(time)
  const [hours = '99', minutes = '99', seconds = '99'] = match?.slice(1) ?? []
  return hours <= '23' && minutes <= '59' && seconds <= '59'
}

const nanosOf: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const longestDuration = 2n ** 63n - 1n

/** Longer texts are no durations; the patterns below take more than linear time. */
const mostDurationCharacters = 1_000

/** A duration in nanoseconds: as Go writes it, or as Scala does (`3 days`). Source: strfmt `ParseDuration`. */
export function durationNanos(text: string): bigint | undefined {
  if (text.length > mostDurationCharacters) return undefined
  return goDuration(text) ?? scalaDuration(text)
}

function goDuration(text: string): bigint | undefined {
  const [, sign = '', rest = ''] = /^([-+]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0n
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined
  let total = 0n
  for (const [, whole = '', fraction = '', unit = ''] of rest.matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const scale = nanosOf[unit] ?? 0n
    total += BigInt(whole === '' ? 0 : whole) * scale
    total += fraction === '' ? 0n : (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length)
  }
  if (total > longestDuration) return undefined
  return sign === '-' ? -total : total
}

const scalaUnits: readonly (readonly [scale: bigint, words: readonly string[]])[] = [
  [1n, ['ns', 'nano']],
  [1_000n, ['us', 'µs', 'micro']],
  [1_000_000n, ['ms', 'milli']],
  [1_000_000_000n, ['s', 'sec']],
  [60_000_000_000n, ['m', 'min']],
  [3_600_000_000_000n, ['h', 'hr', 'hour']],
  [86_400_000_000_000n, ['d', 'day']],
  [604_800_000_000_000n, ['w', 'wk', 'week']],
]

/** Of each unit's words the last may go on (`seconds`); what is around the parts does not matter. */
function scalaDuration(text: string): bigint | undefined {
  let total: bigint | undefined
  for (const [, factor = '', word = ''] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    if (BigInt(factor) > longestDuration) return undefined
    const unit = word.toLowerCase()
    for (const [scale, words] of scalaUnits) {
      if (words.includes(unit) || unit.startsWith(words.at(-1) ?? '')) total = (total ?? 0n) + BigInt(factor) * scale
    }
  }
  return total === undefined ? undefined : BigInt.asIntN(64, total)
}
