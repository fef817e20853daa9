/** Semantic versions as the library reads them that upstream uses, with its messages. Source: semver.org 2.0.0, blang/semver v4. */
import { goQuote } from '../../field-errors.ts'
import { compareStrings } from '../equality.ts'
import { maxUint } from '../numbers.ts'

/** A version taken apart. Build metadata has no say in the order and is not kept. */
export type SemanticVersion = {
  readonly major: bigint
  readonly minor: bigint
  readonly patch: bigint
  /** `alpha.1`: numbers where they are all digits. */
  readonly preRelease: readonly (bigint | string)[]
}

/** A text is no semantic version. */
export class SemanticVersionError extends Error {
  override readonly name = 'SemanticVersionError'
}

/** Reads `1.2.3-alpha.1+build`; throws `SemanticVersionError`. */
export function parseSemanticVersion(text: string): SemanticVersion {
  if (text === '') throw new SemanticVersionError('Version string empty')
  const [majorText, minorText, rest] = splitInThree(text)
  if (majorText === undefined || minorText === undefined || rest === undefined) {
    throw new SemanticVersionError('No Major.Minor.Patch elements found')
  }
  const major = readNumber(majorText, 'major', 'Major')
  const minor = readNumber(minorText, 'minor', 'Minor')
  const [beforeBuild, build] = cut(rest, '+')
  const [patchText, preReleaseText] = cut(beforeBuild, '-')
  const patch = readNumber(patchText, 'patch', 'Patch')
  const preRelease = preReleaseText === undefined ? [] : preReleaseText.split('.').map(readPreRelease)
  for (const part of build?.split('.') ?? []) checkBuild(part)
  return { major, minor, patch, preRelease }
}

/** At most three parts; the last keeps its dots. */
function splitInThree(text: string): readonly string[] {
  const [first = '', second, ...others] = text.split('.')
  if (second === undefined) return [first]
  return others.length === 0 ? [first, second] : [first, second, others.join('.')]
}

function cut(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function readNumber(text: string, lower: string, upper: string): bigint {
  if (!/^[0-9]*$/.test(text)) {
    throw new SemanticVersionError(`Invalid character(s) found in ${lower} number ${goQuote(text)}`)
  }
  if (hasLeadingZeros(text)) {
    throw new SemanticVersionError(`${upper} number must not contain leading zeroes ${goQuote(text)}`)
  }
  return readUint(text)
}

function hasLeadingZeros(text: string): boolean {
  return text.length > 1 && text.startsWith('0')
}

function readUint(text: string): bigint {
  if (text === '') throw new SemanticVersionError('strconv.ParseUint: parsing "": invalid syntax')
  const value = text.length > 20 ? maxUint + 1n : BigInt(text)
  if (value > maxUint) throw new SemanticVersionError(`strconv.ParseUint: parsing ${goQuote(text)}: value out of range`)
  return value
}

function readPreRelease(text: string): bigint | string {
  if (text === '') throw new SemanticVersionError('Prerelease is empty')
  if (/^[0-9]+$/.test(text)) {
    if (!hasLeadingZeros(text)) return readUint(text)
    throw new SemanticVersionError(`Numeric PreRelease version must not contain leading zeroes ${goQuote(text)}`)
  }
  if (/^[0-9A-Za-z-]+$/.test(text)) return text
  throw new SemanticVersionError(`Invalid character(s) found in prerelease ${goQuote(text)}`)
}

function checkBuild(text: string): void {
  if (text === '') throw new SemanticVersionError('Build meta data is empty')
  if (/^[0-9A-Za-z-]+$/.test(text)) return
  throw new SemanticVersionError(`Invalid character(s) found in build meta data ${goQuote(text)}`)
}

/** Makes `v1.02` into `1.2.0`: no `v`, no leading zeros, no missing parts. */
export function normalizeVersion(text: string): string {
  const parts = splitInThree(text.replace(/^v/, '')).map(withoutLeadingZeros)
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) {
    throw new SemanticVersionError('short version cannot contain PreRelease/Build meta data')
  }
  return [...parts, '0', '0'].slice(0, 3).join('.')
}

function withoutLeadingZeros(part: string): string {
  return part.replace(/^0+(?=[0-9])/, '')
}

/** Negative, 0 or positive, by the precedence of semver.org §11. */
export function compareVersions(a: SemanticVersion, b: SemanticVersion): number {
  return (
    compareNumbers(a.major, b.major) ||
    compareNumbers(a.minor, b.minor) ||
    compareNumbers(a.patch, b.patch) ||
    comparePreReleases(a.preRelease, b.preRelease)
  )
}

function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A version without pre-release comes after all its pre-releases. */
function comparePreReleases(a: SemanticVersion['preRelease'], b: SemanticVersion['preRelease']): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length
  for (const [i, left] of a.entries()) {
    const right = b[i]
    if (right === undefined) return 1
    const order = compareIdentifiers(left, right)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Numbers come before words. */
function compareIdentifiers(a: bigint | string, b: bigint | string): number {
  if (typeof a === 'bigint') return typeof b === 'bigint' ? compareNumbers(a, b) : -1
  return typeof b === 'bigint' ? 1 : compareStrings(a, b)
}
