/**
 * MutatingAdmissionPolicy: changes in CEL. Policies, their bindings and parameters are chosen by the write as it came; each then
 * changes what the one before has left. Source: upstream's `mutating/dispatcher.go`, `generic/policy_dispatcher.go`.
 */

import type { CompiledExpression } from '../../../api/admissionregistration/cel/compiler.ts'
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '../../../api/admissionregistration/v1.ts'
import { sameJson } from '../../../api/meta/causes.ts'
import type { ApiObject, Resource } from '../../../api/resource.ts'
import { CelError } from '../../../apimachinery/cel/errors.ts'
import type { JsonObject } from '../../../apimachinery/json.ts'
import { type Schemas, structOf } from '../../../apimachinery/schema/schema.ts'
import { internalError, type StatusDetails, StatusError } from '../../../apimachinery/status.ts'
import { AccessAnswers } from '../../cel/access-answers.ts'
import { type EvaluationInput, evaluateAll, OutOfBudget } from '../../cel/evaluation.ts'
import { decodeResource, decodeView } from '../../registry/decode.ts'
import { kinds, readAll } from '../../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts'
import { asSent, withIdentity } from '../as-sent.ts'
import { checkConditions } from '../match-conditions.ts'
import { Reinvocation } from '../reinvocation.ts'
import { refuse, unchanged } from '../request.ts'
import { converted, namespaceOf, shown } from '../webhook/review.ts'
import { applyConfiguration, applyOperations, MutationError } from './apply-mutation.ts'
import { type CompiledMutatingPolicy, compileMutatingPolicy } from './compile.ts'
import { policyBudget } from './decide.ts'
import { type PolicyHook, policyHooks } from './hooks.ts'
import { bindingMatches, isUntouchable, type PolicyOptions, paramsVariable, requestNamespace } from './invocation.ts'
import { matchedResource } from './match.ts'
import { ConfigurationError, collectParams, paramResource } from './params.ts'

export type MutatingPolicyOptions = PolicyOptions & { readonly schemas: Schemas }

type Policy = MutatingAdmissionPolicy
type Binding = MutatingAdmissionPolicyBinding
type Hook = PolicyHook<Policy, Binding, CompiledMutatingPolicy>
/** One policy with one of its bindings and one of the parameters. */
type Invocation = {
  readonly policy: Policy
  readonly binding: Binding
  readonly compiled: CompiledMutatingPolicy
  readonly asked: Resource
  readonly params: ApiObject | undefined
}
type Failure = {
  readonly policy: Policy
  readonly binding?: Binding
  readonly message: string
  /** `Forbidden` where a policy cannot be used as it is written. */
  readonly reason: 'Forbidden' | 'Invalid'
}

const pluginName = 'MutatingAdmissionPolicy'

/** The plugin. */
export function mutatingPolicies(options: MutatingPolicyOptions): AdmissionPlugin {
  const { reader } = options.lookup
  const { mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings } = kinds
  const hooks = policyHooks<Policy, Binding, CompiledMutatingPolicy>({
    reader,
    kinds: [mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings],
    policies: () => readAll(reader, mutatingAdmissionPolicies),
    bindings: () => readAll(reader, mutatingAdmissionPolicyBindings),
    compile: compileMutatingPolicy,
  })
  return {
    name: pluginName,
    concerns: ({ operation }) => operation !== 'DELETE',
    mutate: (request, signal) => {
      const all = hooks()
      return all.length === 0 || isUntouchable(request) ? unchanged(request) : applyAll(options, request, all, signal)
    },
  }
}

async function applyAll(
  options: MutatingPolicyOptions,
  request: AdmissionRequest,
  hooks: readonly Hook[],
  signal: AbortSignal,
): Promise<ApiObject> {
  const draft = asSent(request)
  const failures: Failure[] = []
  const invocations = await invocationsOf(options, draft, hooks, failures, signal)
  const object = await invokeAll(options, draft, invocations, failures, signal)
  refuseFailed(request, failures)
  return object === undefined || object === draft.object ? unchanged(request) : withIdentity(object, request)
}

async function invocationsOf(
  options: MutatingPolicyOptions,
  request: AdmissionRequest,
  hooks: readonly Hook[],
  failures: Failure[],
  signal: AbortSignal,
): Promise<readonly Invocation[]> {
  const invocations: Invocation[] = []
  for (const { policy, match, compiled, bindings } of hooks) {
    await noting(failures, { policy }, async () => {
      const asked = await matchedResource(match, request, options, signal)
      if (asked === undefined) return
      const resource = paramResource(policy.spec.paramKind, options.resourceOfKind)
      for (const hook of bindings) {
        const { binding } = hook
        await noting(failures, { policy, binding }, async () => {
          if (!(await bindingMatches(hook, request, options, signal))) return
          const found = await collectParams(
            options.lookup.reader,
            resource,
            binding.spec.paramRef,
            namespaceOf(request),
          )
          invocations.push(...found.map((params) => ({ policy, binding, compiled, asked, params })))
        })
      }
    })
  }
  return invocations
}

/** What a policy or binding is unfit for is noted, and the others go on. */
async function noting(
  failures: Failure[],
  { policy, binding }: Pick<Failure, 'policy' | 'binding'>,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof StatusError)) throw error
    const names = binding === undefined ? { policy } : { policy, binding }
    const message = `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${error.message}`
    failures.push({ ...names, message, reason: 'Forbidden' })
  }
}

async function invokeAll(
  options: MutatingPolicyOptions,
  request: AdmissionRequest,
  invocations: readonly Invocation[],
  failures: Failure[],
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  if (invocations.length === 0) return request.object
  const { reinvocation = new Reinvocation() } = request
  const memory = reinvocation.memory(pluginName)
  memory.begin(request.object, reinvocation.isAgain)
  const namespace = await requestNamespace(options.lookup, request, signal)
  const answers = new AccessAnswers(options.authorizer)
  let { object } = request
  for (const invocation of invocations) {
    const key = keyOf(invocation)
    const mayRun = !reinvocation.isAgain || memory.mustRunAgain(key)
    const current = object === undefined ? request : { ...request, object }
    const run = () => inputOf(invocation, current, namespace, answers)
    if (!(await conditionsHold(invocation, run(), answers, failures)) || !mayRun) continue
    const next = await mutate(options, invocation, current, { namespace, answers, failures })
    if (next !== undefined && !sameJson(next, object)) {
      memory.noteChange()
      reinvocation.want()
      object = next
    }
    if (invocation.policy.spec.reinvocationPolicy === 'IfNeeded') memory.noteRan(key)
  }
  memory.end(object)
  return object
}

function keyOf({ policy, binding, params }: Invocation): string {
  const { namespace = '', name = '' } = params?.metadata ?? {}
  return JSON.stringify([policy.metadata.name, binding.metadata.name, namespace, name])
}

function inputOf(
  { compiled, asked, params }: Invocation,
  request: AdmissionRequest,
  namespace: JsonObject | null,
  answers: AccessAnswers,
): EvaluationInput {
  return {
    request,
    asked,
    matched: asked,
    object: shown(request, request.object, asked),
    oldObject: shown(request, request.oldObject, asked),
    params: paramsVariable(params),
    namespace,
    ask: answers.ask,
    variables: compiled.variables,
  }
}

async function conditionsHold(
  { policy, binding, compiled }: Invocation,
  input: EvaluationInput,
  answers: AccessAnswers,
  failures: Failure[],
): Promise<boolean> {
  const verdict = await answers.settled(() => checkConditions(compiled.conditions, input, policy.spec.failurePolicy))
  if (verdict.type === 'failed') failures.push({ policy, binding, message: verdict.message, reason: 'Invalid' })
  return verdict.type === 'matches'
}

type Context = {
  readonly namespace: JsonObject | null
  readonly answers: AccessAnswers
  readonly failures: Failure[]
}

/** Each mutation of one policy on what the one before has left. */
async function mutate(
  options: MutatingPolicyOptions,
  invocation: Invocation,
  request: AdmissionRequest,
  { namespace, answers, failures }: Context,
): Promise<ApiObject | undefined> {
  const { policy, binding, compiled } = invocation
  const names = { policy: policy.metadata.name, binding: binding.metadata.name }
  let { object } = request
  for (const [index, expression] of compiled.mutations.entries()) {
    if (object === undefined) return undefined
    const current = { ...request, object }
    const input = inputOf(invocation, current, namespace, answers)
    try {
      const isJsonPatch = policy.spec.mutations?.[index]?.patchType === 'JSONPatch'
      object = await answers.settled(() => mutateOnce(options, current, expression, input, isJsonPatch))
      options.metrics.mutated(names)
    } catch (error) {
      if (error instanceof StatusError) throw error
      if (!(error instanceof MutationError || error instanceof OutOfBudget || error instanceof CelError)) throw error
      options.metrics.mutated(names, error.message)
      failures.push({ policy, binding, message: error.message, reason: 'Invalid' })
    }
  }
  return object
}

function mutateOnce(
  { schemas }: MutatingPolicyOptions,
  request: AdmissionRequest & { readonly object: ApiObject },
  expression: CompiledExpression,
  input: EvaluationInput,
  isJsonPatch: boolean,
): ApiObject {
  if (expression.problem !== undefined) throw new MutationError(expression.problem)
  const [{ value = null, error } = {}] = evaluateAll([expression], input, policyBudget).results
  if (error !== undefined) throw new MutationError(error)
  const { resource, view, object } = request
  const { asked } = input
  const before = input.object as JsonObject
  const changed = isJsonPatch
    ? applyOperations(before, value)
    : applyConfiguration(structOf(schemas, definitionOf(request, asked)), before, value)
  if (view !== undefined) return view.take(object, decodeView(schemas, view.definition, changed))
  refuseOtherKind(changed, asked)
  const decoded = decodeResource(schemas, asked, {
    value: changed,
    fieldValidation: isJsonPatch ? 'Strict' : 'Ignore',
    refusal: internalError,
  })
  return converted(decoded, asked, resource)
}

function definitionOf({ view }: AdmissionRequest, asked: Resource): string {
  if (view === undefined) return asked.definition
  if (view.definition !== undefined) return view.definition
  throw new MutationError('apply configurations are not supported for the options of a connection')
}

/** In upstream's words for a conversion that it does not know. */
function refuseOtherKind({ apiVersion, kind }: JsonObject, { facts }: Resource): void {
  const expected = facts.group === '' ? facts.version : `${facts.group}/${facts.version}`
  if (kind === facts.kind && apiVersion === expected) return
  const from = `${String(apiVersion).split('/').at(-1) ?? ''}.${String(kind)}`
  const to = `${facts.group === '' ? 'core' : (facts.group.split('.')[0] ?? '')}.${facts.kind}`
  throw internalError(`failed to convert object: converting (${from}) to (${to}): unknown conversion`)
}

/** 403 with the first failure; the reason is the failure's own. */
function refuseFailed(request: AdmissionRequest, failures: readonly Failure[]): void {
  const counted = failures.filter(({ policy }) => policy.spec.failurePolicy !== 'Ignore')
  const [first] = counted
  if (first === undefined) return
  const { details } = refuse(request, '')
  const causes = { ...details, causes: counted.map((failure) => ({ message: textOf(failure) })) }
  // Upstream's causes have no reason here.
  throw new StatusError(first.reason, textOf(first), causes as unknown as StatusDetails, 403)
}

function textOf({ policy, binding, message }: Failure): string {
  return binding === undefined
    ? `policy "${policy.metadata.name}" denied request: ${message}`
    : `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${message}`
}
