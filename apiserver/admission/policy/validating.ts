/**
 * ValidatingAdmissionPolicy: rules in CEL that a write must follow. Every policy that matches is asked with every binding that
 * matches and each of its parameters; all denials are counted, the first one is told.
 * Source: upstream's `validating/dispatcher.go`.
 */
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/admissionregistration/v1.ts'
import type { Resource } from '../../../api/resource.ts'
import { type StatusDetails, StatusError } from '../../../apimachinery/status.ts'
import { AccessAnswers } from '../../cel/access-answers.ts'
import { kinds, readAll } from '../../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts'
import { refuse } from '../request.ts'
import { namespaceOf, shown } from '../webhook/review.ts'
import { type CompiledValidatingPolicy, compileValidatingPolicy } from './compile.ts'
import { decide, type PolicyDecision, type PolicyResult } from './decide.ts'
import { type PolicyHook, policyHooks } from './hooks.ts'
import { bindingMatches, isUntouchable, type PolicyOptions, paramsVariable, requestNamespace } from './invocation.ts'
import { matchedResource } from './match.ts'
import { ConfigurationError, collectParams, paramResource } from './params.ts'

type Policy = ValidatingAdmissionPolicy
type Binding = ValidatingAdmissionPolicyBinding
type Hook = PolicyHook<Policy, Binding, CompiledValidatingPolicy>
type Denial = {
  readonly policy: string
  readonly binding?: string
  readonly message: string
  readonly reason: string
}
/** One write on its way through the policies. */
type Round = {
  readonly options: PolicyOptions
  readonly request: AdmissionRequest
  readonly answers: AccessAnswers
  readonly denials: Denial[]
  readonly signal: AbortSignal
}

const pluginName = 'ValidatingAdmissionPolicy'
const maxAnnotationBytes = 10 * 1024

/** The plugin. */
export function validatingPolicies(options: PolicyOptions): AdmissionPlugin {
  const { lookup, authorizer } = options
  const { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } = kinds
  const hooks = policyHooks<Policy, Binding, CompiledValidatingPolicy>({
    reader: lookup.reader,
    kinds: [validatingAdmissionPolicies, validatingAdmissionPolicyBindings],
    policies: () => readAll(lookup.reader, validatingAdmissionPolicies),
    bindings: () => readAll(lookup.reader, validatingAdmissionPolicyBindings),
    compile: compileValidatingPolicy,
  })
  return {
    name: pluginName,
    validate: (request, signal) => {
      const all = hooks()
      if (all.length === 0 || isUntouchable(request)) return undefined
      return askAll({ options, request, answers: new AccessAnswers(authorizer), denials: [], signal }, all)
    },
  }
}

async function askAll(round: Round, hooks: readonly Hook[]): Promise<void> {
  for (const hook of hooks) await ask(round, hook)
  const [first] = round.denials
  if (first !== undefined) throw denied(round.request, first)
}

/** Runs `ask`; a policy that cannot be used as it stands denies, unless its failures are ignored. */
async function guarded(
  { denials }: Round,
  policy: Policy,
  binding: Binding | undefined,
  ask: () => Promise<void>,
): Promise<void> {
  try {
    await ask()
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof StatusError)) throw error
    if (policy.spec.failurePolicy === 'Ignore') return
    const what = binding === undefined ? 'policy' : 'binding'
    const message = `failed to configure ${what}: ${error.message}`
    denials.push({ ...namesOf(policy, binding), message, reason: 'Invalid' })
  }
}

function namesOf(policy: Policy, binding: Binding | undefined): Pick<Denial, 'policy' | 'binding'> {
  return {
    policy: policy.metadata.name,
    ...(binding === undefined ? {} : { binding: binding.metadata.name }),
  }
}

async function ask(round: Round, hook: Hook): Promise<void> {
  const { options, request, signal } = round
  const { policy, match, bindings } = hook
  const annotations = new Map<string, string[]>()
  await guarded(round, policy, undefined, async () => {
    const matched = await matchedResource(match, request, options, signal)
    if (matched === undefined) return
    const params = paramResource(policy.spec.paramKind, options.resourceOfKind)
    for (const one of bindings) {
      const { binding } = one
      await guarded(round, policy, binding, async () => {
        if (!(await bindingMatches(one, request, options, signal))) return
        await askBinding(round, hook, binding, { matched, params, annotations })
      })
    }
  })
  for (const [key, values] of annotations) {
    request.annotate?.(`${policy.metadata.name}/${key}`, values.join(', '))
  }
}

type Matched = {
  readonly matched: Resource
  readonly params: Resource | undefined
  readonly annotations: Map<string, string[]>
}

async function askBinding(
  round: Round,
  { policy, compiled }: Hook,
  binding: Binding,
  { matched, params, annotations }: Matched,
): Promise<void> {
  const { options, request, answers, signal } = round
  const found = await collectParams(options.lookup.reader, params, binding.spec.paramRef, namespaceOf(request))
  if (found.length === 0) return
  const input = {
    request,
    asked: matched,
    matched,
    object: shown(request, request.object, matched),
    oldObject: shown(request, request.oldObject, matched),
    namespace: await requestNamespace(options.lookup, request, signal),
    ask: answers.ask,
  }
  for (const object of found) {
    const params = paramsVariable(object)
    const result = await answers.settled(() => decide(policy, compiled, { ...input, params }))
    conclude(round, policy, binding, result, annotations)
  }
}

function conclude(
  round: Round,
  policy: Policy,
  binding: Binding,
  { decisions, auditAnnotations }: PolicyResult,
  annotations: Map<string, string[]>,
): void {
  const { options, denials } = round
  const names = { policy: policy.metadata.name, binding: binding.metadata.name }
  for (const [index, decision] of decisions.entries()) {
    if (decision.type === 'ignoredError') options.metrics.validated(names, 'allow', decision.message)
    if (decision.type === 'deny') enforce(round, policy, binding, decision, index)
  }
  for (const outcome of auditAnnotations) {
    if (outcome.type === 'publish') addAnnotation(annotations, outcome.key, outcome.value)
    if (outcome.type === 'error') {
      denials.push({ ...names, message: outcome.message, reason: 'Invalid' })
      options.metrics.validated(names, 'deny', outcome.message)
    }
  }
}

function enforce(
  { options, request, denials }: Round,
  policy: Policy,
  binding: Binding,
  decision: PolicyDecision & { readonly type: 'deny' },
  index: number,
): void {
  const { message, reason } = decision
  const names = { policy: policy.metadata.name, binding: binding.metadata.name }
  for (const action of binding.spec.validationActions) {
    options.metrics.validated(names, enforcements.get(action) ?? 'deny', message)
    if (action === 'Deny') denials.push({ ...names, message, reason })
    if (action === 'Warn') {
      request.warn?.(
        `Validation failed for ValidatingAdmissionPolicy '${names.policy}' with binding '${names.binding}': ${message}`,
      )
    }
    if (action === 'Audit') {
      const failure = {
        message,
        policy: binding.spec.policyName ?? '',
        binding: names.binding,
        expressionIndex: index,
        validationActions: binding.spec.validationActions,
      }
      request.annotate?.('validation.policy.admission.k8s.io/validation_failure', JSON.stringify([failure]))
    }
  }
}

const enforcements = new Map<string, 'deny' | 'warn' | 'audit'>([
  ['Deny', 'deny'],
  ['Warn', 'warn'],
  ['Audit', 'audit'],
])

/** Equal values of several bindings count once. */
function addAnnotation(annotations: Map<string, string[]>, key: string, value: string): void {
  const kept = Buffer.from(value).subarray(0, maxAnnotationBytes).toString()
  const values = annotations.get(key) ?? []
  if (!values.includes(kept)) annotations.set(key, [...values, kept])
}

const codes = new Map([
  ['Forbidden', 403],
  ['Unauthorized', 401],
  ['RequestEntityTooLarge', 413],
])

function denied(request: AdmissionRequest, { policy, binding, message, reason }: Denial): StatusError {
  const by = binding === undefined ? '' : ` with binding '${binding}'`
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`
  const { message: full, details } = refuse(request, text)
  // Upstream's cause has no reason here.
  const causes = { ...details, causes: [{ message: text }] } as unknown as StatusDetails
  return new StatusError(reason, full, causes, codes.get(reason) ?? 422)
}
