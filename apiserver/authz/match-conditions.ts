/** Conditions under which an authorization webhook is asked. Source: `pkg/authorization/cel`. */
import { createEnvironment } from '../../apimachinery/cel/environment.ts'
import { fromJson } from '../../apimachinery/cel/json-values.ts'
import { kubernetesLibraries } from '../../apimachinery/cel/library/kubernetes.ts'
import { typesByName } from '../../apimachinery/cel/object-type.ts'
import type { Program } from '../../apimachinery/cel/program.ts'
import { celTypes, listOf, mapOf, objectType } from '../../apimachinery/cel/types.ts'
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { compileExpression, structType } from '../authn/access-expression.ts'
import { joinErrors } from '../authn/join-errors.ts'
import type { TimeLimit } from '../cel/time-limit.ts'
import type { MatchConditions } from './webhook.ts'

const { string } = celTypes
const requestType = objectType('kubernetes.SubjectAccessReviewSpec')
const requirement = objectType('kubernetes.SelectorRequirement')
const selectorFields = { rawSelector: string, requirements: listOf(requirement) }
const textNames = ['namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'] as const

const types = typesByName([
  structType('kubernetes.SubjectAccessReviewSpec', {
    resourceAttributes: objectType('kubernetes.ResourceAttributes'),
    nonResourceAttributes: objectType('kubernetes.NonResourceAttributes'),
    user: string,
    groups: listOf(string),
    extra: mapOf(string, listOf(string)),
    uid: string,
  }),
  structType('kubernetes.ResourceAttributes', {
    ...Object.fromEntries(textNames.map((name) => [name, string])),
    fieldSelector: objectType('kubernetes.FieldSelectorAttributes'),
    labelSelector: objectType('kubernetes.LabelSelectorAttributes'),
  }),
  structType('kubernetes.NonResourceAttributes', { path: string, verb: string }),
  structType('kubernetes.FieldSelectorAttributes', selectorFields),
  structType('kubernetes.LabelSelectorAttributes', selectorFields),
  structType('kubernetes.SelectorRequirement', { key: string, operator: string, values: listOf(string) }),
])
const environment = createEnvironment({
  libraries: kubernetesLibraries,
  provider: types,
  variables: { request: requestType },
})

/** The conditions of one webhook, or what is wrong with them. */
export function compileMatchConditions(
  expressions: readonly string[],
  path: string,
  timeLimit?: TimeLimit,
): { readonly matches?: MatchConditions; readonly causes: readonly StatusCause[] } {
  const compiled = expressions.map((source, index) => ({
    source,
    ...compileExpression(environment, source, `${path}[${index}].expression`, [celTypes.bool]),
  }))
  const causes = compiled.flatMap((one) => (one.type === 'cause' ? [one.cause] : []))
  const programs = compiled.flatMap((one) => (one.type === 'program' ? [one] : []))
  if (causes.length > 0 || programs.length === 0) return { causes }
  return { causes, matches: (question) => allMatch(programs, question, timeLimit) }
}

type Condition = { readonly source: string; readonly program: Program }

/** One that says no outweighs those that fail. */
function allMatch(conditions: readonly Condition[], question: JsonObject, timeLimit: TimeLimit | undefined): boolean {
  const options = timeLimit === undefined ? {} : { interrupted: timeLimit() }
  const request = fromJson(completed(question), requestType, types)
  const errors: string[] = []
  for (const { source, program } of conditions) {
    try {
      if (program.evaluate({ request }, options).value !== true) return false
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      errors.push(`cel evaluation error: expression '${source}' resulted in error: ${said}`)
    }
  }
  if (errors.length > 0) throw new Error(joinErrors(errors))
  return true
}

/** Conditions see empty texts where a review leaves fields out. */
function completed(question: JsonObject): JsonObject {
  const { resourceAttributes } = question
  const empty = Object.fromEntries(textNames.map((name) => [name, '']))
  return {
    user: '',
    uid: '',
    groups: [],
    extra: {},
    ...question,
    ...(isJsonObject(resourceAttributes) ? { resourceAttributes: { ...empty, ...resourceAttributes } } : {}),
  }
}
