/**
 * `rewrite`: changes the question on its way in, and undoes it on the way out.
 *
 *   rewrite [continue|stop] name [exact|prefix|suffix|substring|regex] FROM TO [answer …]
 *   rewrite [continue|stop] type|class FROM TO
 *   rewrite [continue|stop] ttl [exact|…] NAME SECONDS|MIN-MAX
 *   rewrite [continue|stop] rcode|cname [exact|…] FROM TO
 */
import { RE2JS } from 're2js'
import { rcodeNumber, rcodes } from '../codec/message.ts'
import { FormatError, labelsOf, lowerName } from '../codec/name.ts'
import { type RecordData, type ResourceRecord, typeNumber, types } from '../codec/record.ts'
import type { Directive } from '../corefile/parse.ts'
import { CorefileError } from '../corefile/tokens.ts'
import { fullName, inPlugin } from './arguments.ts'
import { type Context, failure, type Handler, mapReply, type Reply, type Request, type Setup } from './plugin.ts'

/** Changes a name; the same name when it does not apply. */
type Change = (name: string) => string
/** What to do with the reply once the question was changed. */
type Undo = (reply: Reply, context: Context, request: Request) => Reply | Promise<Reply>
/** A rule that applied: the new question, and what to do with the reply. */
type Applied = { readonly question: Request['question']; readonly undo: readonly Undo[] }
type Rule = { readonly isLast: boolean; readonly apply: (request: Request) => Applied | undefined }

const maxPattern = 10_000

/** Reads the directives, in their order. */
export const rewrite: Setup = (lines, context) => {
  const rules = inPlugin('rewrite', () => lines.map((line) => ruleOf(wordsOf(line))))
  return { wrap: (next) => run(rules, context, next) }
}

/** The words of a rule; a block's lines are words as well. */
function wordsOf({ args, block }: Directive): readonly string[] {
  return [...args, ...block.flatMap((item) => [item.name, ...item.args])]
}

function run(rules: readonly Rule[], context: Context, next: Handler): Handler {
  return (request) => {
    let current = request
    const undos: Undo[] = []
    for (const { apply, isLast } of rules) {
      const applied = apply(current)
      if (applied === undefined) continue
      if (!isName(applied.question.name))
        return failure(rcodes.serverFailure, `invalid name after rewrite: ${applied.question.name}`)
      current = { ...current, question: applied.question, name: lowerName(applied.question.name) }
      undos.push(...applied.undo)
      if (isLast) break
    }
    if (current === request) return next(request)
    const outcome = next(current)
    if (undos.length === 0) return outcome
    if (!(outcome instanceof Promise) && undos.every((undo) => !asynchronous.has(undo)))
      return mapReply(outcome, (reply) => undoAll(reply, undos, context, request))
    return Promise.resolve(outcome).then(async (reply) => {
      let changed = reply
      for (const undo of undos.toReversed()) {
        if (changed !== undefined) changed = await undo(changed, context, current)
      }
      return changed
    })
  }
}

/** Undos that ask others: `cname` alone. */
const asynchronous = new WeakSet<Undo>()

function undoAll(reply: Reply, undos: readonly Undo[], context: Context, request: Request): Reply {
  return undos.reduceRight((changed, undo) => {
    const next = undo(changed, context, request)
    return next instanceof Promise ? changed : next
  }, reply)
}

function isName(name: string): boolean {
  try {
    labelsOf(name)
    return name.endsWith('.')
  } catch (error) {
    if (error instanceof FormatError) return false
    throw error
  }
}

function ruleOf(words: readonly string[]): Rule {
  const [first = '', ...rest] = words
  if (words.length === 0) throw new CorefileError('no rule type specified for rewrite')
  const mode = first.toLowerCase()
  const isExplicit = mode === 'continue' || mode === 'stop'
  if (isExplicit && rest.length === 0) throw new CorefileError(`${mode} rule must begin with a rule type`)
  const [kind = '', ...args] = isExplicit ? rest : words
  const isLast = mode !== 'continue'
  switch (kind.toLowerCase()) {
    case 'answer':
      throw new CorefileError('response rewrites must begin with a name rule')
    case 'name':
      return { isLast, apply: nameRule(args) }
    case 'type':
      return { isLast, apply: typeRule(two(args, 'type')) }
    case 'class':
      return { isLast, apply: classRule(two(args, 'class')) }
    case 'ttl':
      return { isLast, apply: ttlRule(args) }
    case 'rcode':
      return { isLast, apply: rcodeRule(args) }
    case 'cname':
      return { isLast, apply: cnameRule(args) }
    case 'edns0':
      throw new CorefileError('the rule type "edns0" is not supported by this server')
    default:
      throw new CorefileError(`invalid rule type "${first}"`)
  }
}

function two(args: readonly string[], kind: string): readonly [string, string] {
  const [from, to] = args
  if (from === undefined || to === undefined || args.length > 2)
    throw new CorefileError(`${kind} rules must have exactly two arguments`)
  return [from, to]
}

function typeRule([from, to]: readonly [string, string]): Rule['apply'] {
  const [before, after] = [from, to].map((name) => {
    const type = typeNumber(name)
    if (type === undefined) throw new CorefileError(`invalid type "${name}"`)
    return type
  })
  return ({ question }) => {
    return question.type === before && after !== undefined
      ? { question: { ...question, type: after }, undo: [keepType] }
      : undefined
  }
}

/** The question in the answer is the client's whatever a rule made of it; nothing else changes. */
const keepType: Undo = (reply) => reply

const classNumbers: Readonly<Record<string, number>> = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 }

function classRule([from, to]: readonly [string, string]): Rule['apply'] {
  const [before, after] = [from, to].map((name) => {
    const number = classNumbers[name.toUpperCase()]
    if (number === undefined) throw new CorefileError(`invalid class "${name}"`)
    return number
  })
  return ({ question }) =>
    question.class === before && after !== undefined ? { question: { ...question, class: after }, undo: [] } : undefined
}

const matchKinds: ReadonlySet<string> = new Set(['exact', 'prefix', 'suffix', 'substring', 'regex'])

function nameRule(args: readonly string[]): Rule['apply'] {
  if (args.length < 2) throw new CorefileError('too few arguments for a name rule')
  const [kind, from, to, ...options] = args.length === 2 ? ['exact', ...args] : args
  const match = (kind ?? '').toLowerCase()
  if (!matchKinds.has(match))
    throw new CorefileError(
      `name rule supports only exact, prefix, suffix, substring, and regex name matching, received: ${match}`,
    )
  const change = changeOf(match, from ?? '', to ?? '')
  const answers = options.length === 0 ? { isAuto: false, undo: [] } : answerRules(match, options)
  const isAuto = answers.isAuto || match === 'exact'
  return ({ question, name }) => {
    const changed = change(name)
    if (changed === undefined) return undefined
    // A suffix can be undone in every name of the answer, the others in this name alone.
    const back: Change =
      match === 'suffix'
        ? (value) => replaceEnd(value, dotted(to ?? ''), dotted(from ?? ''))
        : (value) => remap(value, lowerName(changed), question.name)
    const auto = isAuto ? [ownerUndo(back), valueUndo(back)] : []
    return { question: { ...question, name: changed }, undo: [...auto, ...answers.undo] }
  }
}

function changeOf(match: string, from: string, to: string): (name: string) => string | undefined {
  if (match === 'regex') {
    const pattern = patternOf(from, to)
    const target = fullName(to)
    return (name) => fillGroups(pattern, name, target)
  }
  const before = match === 'exact' || match === 'suffix' ? dotted(from) : fullName(from)
  const after = match === 'exact' || match === 'suffix' ? dotted(to) : fullName(to)
  // CoreDNS ends every name of a rule with a dot; before the rest of a name that dot parts labels.
  switch (match) {
    case 'exact':
      return (name) => (name === before ? after : undefined)
    case 'prefix':
      return (name) => (name.startsWith(before) ? after + name.slice(before.length) : undefined)
    case 'suffix':
      return (name) => (name.endsWith(before) ? replaceEnd(name, before, after) : undefined)
    default:
      return (name) => (name.includes(before) ? name.replaceAll(before, after) : undefined)
  }
}

function dotted(text: string): string {
  return fullName(text)
}

function replaceEnd(name: string, from: string, to: string): string {
  return name.toLowerCase().endsWith(from) ? name.slice(0, name.length - from.length) + to : name
}

/** The name itself, or one below it. */
function remap(name: string, from: string, to: string): string {
  const lower = lowerName(name)
  if (lower === from) return to
  return lower.endsWith(`.${from}`) ? name.slice(0, name.length - from.length) + to : name
}

function patternOf(from: string, to: string): RE2JS {
  if (from.length > maxPattern) throw new CorefileError(`regex pattern too long: ${from.length} > ${maxPattern}`)
  let pattern: RE2JS
  try {
    pattern = RE2JS.compile(from)
  } catch {
    throw new CorefileError(`invalid regex matching pattern: ${from}`)
  }
  const used = new Set(to.match(/\{\d{1,3}\}/g) ?? []).size
  if (used > pattern.groupCount())
    throw new CorefileError(
      `the rewrite regex pattern (${to}) uses more subexpressions than its corresponding matching regex pattern (${from})`,
    )
  return pattern
}

/** `{1}` in `target` stands for the first group; `undefined` when the pattern is not found. */
function fillGroups(pattern: RE2JS, name: string, target: string): string | undefined {
  const matcher = pattern.matcher(name)
  if (!matcher.find()) return undefined
  return target.replaceAll(/\{(\d+)\}/g, (whole, number: string) =>
    Number(number) <= matcher.groupCount() ? (matcher.group(Number(number)) ?? '') : whole,
  )
}

function answerRules(
  match: string,
  options: readonly string[],
): { readonly isAuto: boolean; readonly undo: readonly Undo[] } {
  if (options.length < 2) throw new CorefileError(`invalid arguments for ${match} rule`)
  let isAuto = false
  let hasNames = false
  let last = ''
  const undo: Undo[] = []
  for (let i = 0; i < options.length; ) {
    if (last === '' && options[i] !== 'answer')
      throw new CorefileError(`exceeded the number of arguments for a non-answer rule argument for ${match} rule`)
    if (options[i] === 'answer') i += 1
    const kind = options[i]
    if (kind === undefined) throw new CorefileError(`type missing for answer rule for ${match} rule`)
    last = kind
    i += 1
    if (kind === 'auto') {
      isAuto = true
      continue
    }
    if (kind !== 'name' && kind !== 'value')
      throw new CorefileError(`invalid type "${kind}" for answer rule for ${match} rule`)
    const [from, to] = options.slice(i, i + 2)
    if (from === undefined || to === undefined)
      throw new CorefileError(`${kind} answer rule for ${match} rule: 2 arguments required`)
    undo.push(answerUndo(kind, from, to, match))
    hasNames ||= kind === 'name'
    i += 2
  }
  if (isAuto && hasNames)
    throw new CorefileError('auto name answer rule cannot be combined with explicit name anwer rules')
  return { isAuto, undo }
}

function answerUndo(kind: 'name' | 'value', from: string, to: string, match: string): Undo {
  const pattern = inRule(`${kind} answer rule for ${match} rule`, () => patternOf(from, to))
  const change: Change = (name) => fillGroups(pattern, name, fullName(to)) ?? name
  return kind === 'name' ? ownerUndo(change) : valueUndo(change)
}

function inRule<T>(rule: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new CorefileError(`${rule}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function mapRecords(reply: Reply, change: (item: ResourceRecord) => ResourceRecord): Reply {
  const { answers, authorities, additionals } = reply
  return {
    ...reply,
    answers: answers.map(change),
    authorities: authorities.map(change),
    additionals: additionals.map(change),
  }
}

function ownerUndo(change: Change): Undo {
  return (reply) => mapRecords(reply, (item) => ({ ...item, name: change(item.name) }))
}

function valueUndo(change: Change): Undo {
  return (reply) => mapRecords(reply, (item) => ({ ...item, data: changeData(item.data, change) }))
}

function changeData(data: RecordData, change: Change): RecordData {
  switch (data.type) {
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'SRV':
      return { ...data, target: change(data.target) }
    case 'SOA':
      return { ...data, primary: change(data.primary), mailbox: change(data.mailbox) }
    case 'A':
    case 'AAAA':
    case 'TXT':
    case 'raw':
      return data
  }
}

/** Whether a rule about names applies, in the five ways of saying so. */
function matcherOf(match: string, text: string): (name: string) => boolean {
  if (match === 'regex') {
    const pattern = patternOf(text, '')
    return (name) => pattern.matcher(name).find()
  }
  const wanted = match === 'exact' || match === 'suffix' ? dotted(text) : text.toLowerCase()
  if (match === 'exact') return (name) => name === wanted
  if (match === 'prefix') return (name) => name.startsWith(wanted)
  if (match === 'suffix') return (name) => name.endsWith(wanted)
  return (name) => name.includes(wanted)
}

function matchAndRest(args: readonly string[], count: number, kind: string): readonly string[] {
  const all = args.length === count ? ['exact', ...args] : args
  if (all.length !== count + 1)
    throw new CorefileError(`too ${all.length < count + 1 ? 'few' : 'many'} arguments for a ${kind} rule`)
  const [match = ''] = all
  if (!matchKinds.has(match.toLowerCase()))
    throw new CorefileError(
      `${kind} rule supports only exact, prefix, suffix, substring, and regex name matching, received: ${match}`,
    )
  return [match.toLowerCase(), ...all.slice(1)]
}

function ttlRule(args: readonly string[]): Rule['apply'] {
  const [match = '', name = '', range = ''] = matchAndRest(args, 2, 'ttl')
  const applies = matcherOf(match, name)
  const [, single, low, high] = /^(?:(\d+)|(\d*)-(\d*))$/.exec(range) ?? []
  const isRange = single !== undefined || (low !== undefined && (low !== '' || high !== ''))
  if (!isRange) throw new CorefileError(`invalid TTL '${range}' for rewrite rule`)
  const lowest = Number(single ?? low ?? 0)
  const highest = single !== undefined ? lowest : high === '' || high === undefined ? 0xffffffff : Number(high)
  if (lowest > highest) throw new CorefileError(`invalid TTL range '${range}' for rewrite rule`)
  const undo: Undo = (reply) =>
    mapRecords(reply, (item) => ({ ...item, ttlSeconds: Math.min(highest, Math.max(lowest, item.ttlSeconds)) }))
  return (request) => (applies(request.name) ? { question: request.question, undo: [undo] } : undefined)
}

function rcodeRule(args: readonly string[]): Rule['apply'] {
  const [match = '', name = '', from = '', to = ''] = matchAndRest(args, 3, 'rcode')
  const applies = matcherOf(match, name)
  const [before, after] = [from, to].map((text) => {
    const rcode = /^\d+$/.test(text) ? Number(text) : rcodeNumber(text)
    if (rcode === undefined || rcode > 15) throw new CorefileError(`invalid rcode '${text}' for rewrite rule`)
    return rcode
  })
  const undo: Undo = (reply) => (reply.rcode === before && after !== undefined ? { ...reply, rcode: after } : reply)
  return (request) => (applies(request.name) ? { question: request.question, undo: [undo] } : undefined)
}

/** An alias in the answer is turned to another name, whose records take the place of the old ones. */
function cnameRule(args: readonly string[]): Rule['apply'] {
  const [match = '', from = '', to = ''] = matchAndRest(args, 2, 'cname')
  const applies = matcherOf(match, from)
  const undo: Undo = async (reply, context, request) => {
    const at = reply.answers.findIndex(({ data }) => data.type === 'CNAME' && applies(data.target.toLowerCase()))
    const alias = reply.answers[at]
    if (alias === undefined) return reply
    const target = fullName(to)
    const found =
      request.question.type === types.CNAME ? undefined : await context.lookup(request, target, request.question.type)
    const turned: ResourceRecord = { ...alias, data: { type: 'CNAME', target } }
    return { ...reply, answers: [...reply.answers.slice(0, at), turned, ...(found?.answers ?? [])], isSettled: false }
  }
  asynchronous.add(undo)
  return (request) => ({ question: request.question, undo: [undo] })
}
