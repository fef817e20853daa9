/**
 * Runs the expressions of a policy on one request. Each expression and each variable has its own limit; all of them together have a
 * budget, and when it is used up nothing more is evaluated. Pure but for what the authorizer says.
 * Source: upstream's `admission/plugin/cel` (activation.go, composition.go, condition.go).
 */
import { type CompiledExpression, variablesTypeName } from '../../api/admissionregistration/cel/compiler.ts'
import type { Resource } from '../../api/resource.ts'
import { CelError, CostLimitError, InterruptedError } from '../../apimachinery/cel/errors.ts'
import type { EvaluateOptions } from '../../apimachinery/cel/frame.ts'
import { fromJson } from '../../apimachinery/cel/json-values.ts'
import { type AskAccess, authorizerValue, resourceCheckValue } from '../../apimachinery/cel/library/authorizer.ts'
import { noTypes } from '../../apimachinery/cel/object-type.ts'
import type { Activation, Program } from '../../apimachinery/cel/program.ts'
import { celTypes } from '../../apimachinery/cel/types.ts'
import type { CelValue, ObjectValue } from '../../apimachinery/cel/values.ts'
import type { Json } from '../../apimachinery/json.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import { namespaceOf, requestFacts } from '../admission/webhook/review.ts'

/** What one evaluation may cost. Source: `PerCallLimit`. */
const costLimit = 1_000_000

/** What expressions are about. */
export type EvaluationInput = {
  readonly request: AdmissionRequest
  /** The kind in which the object is shown. */
  readonly asked: Resource
  /** The resource of `request.resource`. */
  readonly matched: Resource
  readonly object: Json
  readonly oldObject: Json
  readonly params: Json
  /** `namespaceObject`. */
  readonly namespace: Json
  /** Absent where expressions may not ask. */
  readonly ask?: AskAccess
  /** Named expressions that the others may use. */
  readonly variables?: ReadonlyMap<string, CompiledExpression>
}

/** The value of one expression, or what went wrong. */
export type Evaluated = { readonly value?: CelValue; readonly error?: string }

/** The budget is used up: nothing was decided. */
export class OutOfBudget extends Error {
  override readonly name = 'OutOfBudget'

  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run')
  }
}

/** Evaluates one after the other. Throws `OutOfBudget`. An absent expression has no value. */
export function evaluateAll(
  expressions: readonly (CompiledExpression | undefined)[],
  input: EvaluationInput,
  budget: number,
): { readonly results: readonly Evaluated[]; readonly remaining: number } {
  const options = { costLimit, ...interruptionOf(input) }
  const composed = new ComposedVariables(input.variables ?? new Map(), options)
  const activation = activationOf(input, composed)
  composed.activation = activation
  let remaining = budget
  const results = expressions.map((expression): Evaluated => {
    if (expression === undefined) return {}
    const { cost, ...result } = evaluateOne(expression, activation, options)
    for (const spent of [composed.takeCost(), cost]) {
      if (spent > remaining) throw new OutOfBudget()
      remaining -= spent
    }
    return result
  })
  return { results, remaining }
}

function activationOf(input: EvaluationInput, composed: ComposedVariables): Activation {
  const { request, asked, matched, object, oldObject, params, namespace, ask } = input
  return {
    object: () => dynamic(object),
    oldObject: () => dynamic(oldObject),
    params: () => dynamic(params),
    namespaceObject: () => dynamic(namespace),
    request: () => dynamic(requestFacts(request, asked, matched)),
    variables: composed,
    ...(ask === undefined
      ? {}
      : {
          authorizer: () => authorizerValue(request.user, ask),
          'authorizer.requestResource': () => requestResource(request, ask),
        }),
  }
}

function dynamic(json: Json): CelValue {
  return fromJson(json, celTypes.dyn, noTypes)
}

function requestResource(request: AdmissionRequest, ask: AskAccess): CelValue {
  const { resource, subresource, name, user } = request
  const { group, plural } = resource.facts
  const checked = { group, resource: plural, subresource, namespace: namespaceOf(request), name }
  return resourceCheckValue(user, ask, checked)
}

type Costly = Evaluated & { readonly cost: number }

function interruptionOf({ request: { timeLimit } }: EvaluationInput): EvaluateOptions {
  return timeLimit === undefined ? {} : { interrupted: timeLimit() }
}

function evaluateOne(
  { source, program, problem }: CompiledExpression,
  activation: Activation,
  options: EvaluateOptions,
): Costly {
  if (program === undefined) return { error: `compilation error: ${problem ?? ''}`, cost: 0 }
  const { value, cost } = runLimited(program, activation, options)
  return value instanceof Error
    ? { error: `expression '${source}' resulted in error: ${value.message}`, cost }
    : { value, cost }
}

/** As the program runs, and where it costs too much or takes too long that is its error. */
function runLimited(
  program: Program,
  activation: Activation,
  options: EvaluateOptions,
): { readonly value: CelValue | CelError | CostLimitError | InterruptedError; readonly cost: number } {
  try {
    return program.run(activation, options)
  } catch (error) {
    if (error instanceof CostLimitError || error instanceof InterruptedError) return { value: error, cost: costLimit }
    throw error
  }
}

/** The variable `variables`: each is evaluated when it is first asked for. */
class ComposedVariables implements ObjectValue {
  readonly kind = 'object'
  readonly typeName = variablesTypeName
  activation: Activation = {}
  readonly #expressions: ReadonlyMap<string, CompiledExpression>
  readonly #options: EvaluateOptions
  readonly #known = new Map<string, CelValue | CelError>()
  #cost = 0

  constructor(expressions: ReadonlyMap<string, CompiledExpression>, options: EvaluateOptions) {
    this.#expressions = expressions
    this.#options = options
  }

  find(name: string): CelValue | undefined {
    const expression = this.#expressions.get(name)
    if (expression === undefined) return undefined
    const known = this.#known.get(name)
    const value = known === undefined ? this.#evaluate(name, expression) : known
    if (value instanceof CelError) throw value
    return value
  }

  names(): readonly string[] {
    return [...this.#expressions.keys()]
  }

  /** What variables have cost since this was asked last. */
  takeCost(): number {
    const cost = this.#cost
    this.#cost = 0
    return cost
  }

  #evaluate(name: string, expression: CompiledExpression): CelValue | CelError {
    const value = this.#valueOf(name, expression)
    this.#known.set(name, value)
    return value
  }

  #valueOf(name: string, { program, problem = '' }: CompiledExpression): CelValue | CelError {
    if (program === undefined) return new CelError(`composited variable "${name}" fails to compile: ${problem}`)
    const { value, cost } = runLimited(program, this.activation, this.#options)
    this.#cost += cost
    return value instanceof Error
      ? new CelError(`composited variable "${name}" fails to evaluate: ${value.message}`)
      : value
  }
}
