/**
 * Field selectors: `status.phase!=Running,metadata.name=x`. Which fields may be asked for is the kind's business, not this file's.
 * Source: apimachinery `pkg/fields/selector.go`.
 */
import { badRequest } from '../status.ts'

export type FieldRequirement = { readonly field: string; readonly operator: '=' | '!='; readonly value: string }
/** All requirements hold. */
export type FieldSelector = readonly FieldRequirement[]

/** Reads a selector from text, its terms in order; throws BadRequest in upstream's words. */
export function parseFieldSelector(text: string): FieldSelector {
  return splitTerms(text)
    .toSorted()
    .filter((term) => term !== '')
    .map((term) => parseTerm(text, term))
    .filter(({ field, value }) => field !== '' || value !== '')
}

/** Whether an object, asked for its fields through `get`, fulfils the selector. */
export function matchesFields(selector: FieldSelector, get: (field: string) => string): boolean {
  return selector.every(({ field, operator, value }) => (get(field) === value) === (operator === '='))
}

/** The value the selector pins a field to with `=`, if it does. */
export function exactField(selector: FieldSelector, field: string): string | undefined {
  return selector.find((requirement) => requirement.field === field && requirement.operator === '=')?.value
}

/** The selector as text, escaped. */
export function formatFieldSelector(selector: FieldSelector): string {
  return selector
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',')
}

function splitTerms(text: string): readonly string[] {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      terms.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...terms, text.slice(start)]
}

function parseTerm(text: string, term: string): FieldRequirement {
  for (let at = 0; at < term.length; at++) {
    const operator = term.startsWith('!=', at) ? '!=' : term.startsWith('==', at) ? '==' : term[at] === '=' ? '=' : ''
    if (operator === '') continue
    const value = unescapeValue(term.slice(at + operator.length))
    return { field: term.slice(0, at), operator: operator === '!=' ? '!=' : '=', value }
  }
  throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
}

function unescapeValue(text: string): string {
  let value = ''
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === ',' || character === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`)
    }
    if (character !== '\\') {
      value += character
      continue
    }
    const next = text.charAt(++at)
    if (next !== '\\' && next !== ',' && next !== '=') {
      throw badRequest(`invalid field selector: invalid escape sequence: \\${next}`)
    }
    value += next
  }
  return value
}
