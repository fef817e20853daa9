/**
 * YAML as Go's reader has it: what plain scalars are (`yes` is true, `0777` is octal), merge keys, one document, and its words for
 * what cannot be read. Source: go-yaml v2 (`resolve.go`, `scannerc.go`, `parserc.go`), on which sigs.k8s.io/yaml stands.
 */
import {
  type DocumentOptions,
  type ParseOptions,
  parseAllDocuments,
  type ScalarTag,
  type SchemaOptions,
  type YAMLError,
} from 'yaml'

/** A text that is no YAML, or has no form in JSON; the message is Go's. */
export class YamlError extends Error {
  override readonly name = 'YamlError'
}

const core = 'tag:yaml.org,2002:'
const trueWords = 'y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON'
const falseWords = 'n|N|no|No|NO|false|False|FALSE|off|Off|OFF'

const scalars: ScalarTag[] = [
  { tag: `${core}null`, default: true, test: /^(?:~|null|Null|NULL)?$/, resolve: () => null },
  {
    tag: `${core}bool`,
    default: true,
    test: new RegExp(`^(?:${trueWords}|${falseWords})$`),
    resolve: (text) => new RegExp(`^(?:${trueWords})$`).test(text),
  },
  {
    tag: `${core}int`,
    default: true,
    test: /^[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[1-9][0-9_]*|0)$/,
    resolve: integer,
  },
  {
    tag: `${core}float`,
    default: true,
    test: /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/,
    // Go leaves what is too large for it as text.
    resolve: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
  },
  {
    tag: `${core}float`,
    default: true,
    test: /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
    resolve: (text) => {
      throw new YamlError(
        `json: unsupported value: ${/nan/i.test(text) ? 'NaN' : text.startsWith('-') ? '-Inf' : '+Inf'}`,
      )
    },
  },
  { tag: `${core}binary`, resolve: (text) => Buffer.from(text, 'base64').toString('utf8') },
]

function integer(text: string): number {
  const plain = text.replaceAll('_', '')
  const digits = plain.replace(/^[+-]/, '').replace(/^0(?=[0-7])/, '0o')
  return Number(digits) * (plain.startsWith('-') ? -1 : 1)
}

type ParseAllOptions = ParseOptions & DocumentOptions & SchemaOptions

/** What unfolds to more than this is an attack. */
const maxAliases = 100

/** Any but tab, line feed and carriage return. */
function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x7f || (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d)) return true
  }
  return false
}

/** The first document of a text. Throws `YamlError`. */
export function parseGoYaml(text: string): unknown {
  if (hasControlCharacter(text)) throw new YamlError('yaml: control characters are not allowed')
  const options: ParseAllOptions = {
    schema: 'failsafe',
    customTags: [...scalars, 'merge'],
    uniqueKeys: false,
    logLevel: 'error',
  }
  const documents = parseAllDocuments(text, options)
  const document = Array.isArray(documents) ? documents[0] : undefined
  if (document === undefined) return null
  const [problem] = [...document.errors, ...document.warnings.filter(({ code }) => code === 'BAD_DIRECTIVE')]
  if (problem !== undefined) throw new YamlError(`yaml: ${goWords(problem)}`)
  try {
    return document.toJS({ maxAliasCount: maxAliases })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const anchor = /^Unresolved alias .*: (.*)$/.exec(message)?.[1]
    throw new YamlError(`yaml: ${anchor === undefined ? message : `unknown anchor '${anchor}' referenced`}`)
  }
}

/** Go's words, and how many lines its mark is from where our library sees the problem; scanners count from one. */
type Words = readonly [words: string, from: 'scanner' | 'parser']

const byCode: Partial<Record<YAMLError['code'], Words>> = {
  TAB_AS_INDENT: ['found character that cannot start any token', 'scanner'],
  BAD_SCALAR_START: ['found character that cannot start any token', 'scanner'],
  BLOCK_AS_IMPLICIT_KEY: ['mapping values are not allowed in this context', 'scanner'],
  MULTILINE_IMPLICIT_KEY: ['mapping values are not allowed in this context', 'scanner'],
  BAD_DQ_ESCAPE: ['found unknown escape character', 'scanner'],
  BAD_DIRECTIVE: ['found unknown directive name', 'scanner'],
  BLOCK_IN_FLOW: ['did not find expected node content', 'parser'],
}

const byMessage: readonly (readonly [RegExp, Words])[] = [
  [/^Missing closing/, ['found unexpected end of stream', 'scanner']],
  [/^Flow map/, ["did not find expected ',' or '}'", 'parser']],
  [/^Flow seq/, ["did not find expected ',' or ']'", 'parser']],
  [/^Block scalar header/, ['did not find expected comment or line break', 'scanner']],
  [/^Implicit map keys/, ["could not find expected ':'", 'scanner']],
]

function goWords({ code, message, linePos }: YAMLError): string {
  const [first = ''] = message.split(/ at line \d+/)
  const [words, from] = byMessage.find(([pattern]) => pattern.test(first))?.[1] ?? byCode[code] ?? [first, 'scanner']
  const line = (linePos?.[0].line ?? 1) + (code === 'MULTILINE_IMPLICIT_KEY' ? 1 : 0)
  const isEnd = from === 'parser' && code !== 'BLOCK_IN_FLOW'
  const shown = from === 'parser' && !isEnd ? line - 1 : line
  // Go knows of no line where its count is zero.
  return (from === 'scanner' && line <= 1) || shown < 1 ? words : `line ${shown}: ${words}`
}
