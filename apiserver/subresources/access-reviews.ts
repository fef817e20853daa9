/** "May this user do that?", asked of the API: the reviews of `authorization.k8s.io`. */
import { badRequest, invalid, type StatusCause, StatusError } from '../../apimachinery/status.ts'
import { joinErrors } from '../authn/join-errors.ts'
import type { RuleResolver, UserRules } from '../authz/authorizer.ts'
import type { PolicyRule } from '../authz/rbac-rules.ts'
import type { ApiRequest } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'
import { asJson } from './answers.ts'
import { admittedBody } from './own-kind.ts'
import {
  askedRequest,
  localCauses,
  metadataCauses,
  type Question,
  questionCauses,
  subjectCauses,
} from './review-question.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

/** All four reviews; `rulesFor` lists what a user may do. */
export function accessReviewHandlers(rulesFor: RuleResolver): readonly SubresourceHandler[] {
  return [
    review('selfsubjectaccessreviews', reviewSelf),
    review('subjectaccessreviews', async (request, context) => await reviewOther(request, context, undefined)),
    review(
      'localsubjectaccessreviews',
      async (request, context) => await reviewOther(request, context, request.info.namespace),
    ),
    review('selfsubjectrulesreviews', async (request, context) => await reviewRules(request, context, rulesFor)),
  ]
}

function review(
  plural: string,
  handle: (request: ApiRequest, context: SubresourceContext) => Promise<SubresourceAnswer>,
): SubresourceHandler {
  return {
    group: 'authorization.k8s.io',
    plural,
    subresource: '',
    verbs: ['create'],
    handle: async (request, _, context) => await handle(request, context),
  }
}

async function reviewSelf(request: ApiRequest, context: SubresourceContext): Promise<SubresourceAnswer> {
  const { body, validate } = await admittedBody(request, context, 'authorization.v1.SelfSubjectAccessReview')
  refuseAny([...questionCauses(body.spec), ...metadataCauses(body.metadata, false)])
  await validate()
  return { code: 201, object: asJson({ ...body, status: await decide(context, request.user, body.spec) }) }
}

async function reviewOther(
  request: ApiRequest,
  context: SubresourceContext,
  namespace: string | undefined,
): Promise<SubresourceAnswer> {
  const kind = namespace === undefined ? 'SubjectAccessReview' : 'LocalSubjectAccessReview'
  const { body, validate } = await admittedBody(request, context, `authorization.v1.${kind}`)
  const causes = [
    ...questionCauses(body.spec),
    ...subjectCauses(body.spec),
    ...metadataCauses(body.metadata, namespace !== undefined),
    ...(namespace === undefined ? [] : localCauses(body.spec, namespace)),
  ]
  refuseAny(causes)
  await validate()
  const { user = '', uid, groups = [], extra } = body.spec
  const subject: UserInfo = {
    name: user,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  }
  const metadata = namespace === undefined ? body.metadata : { ...body.metadata, namespace }
  return { code: 201, object: asJson({ ...body, metadata, status: await decide(context, subject, body.spec) }) }
}

/** Upstream forgets the kind here: the message begins with a dot, and the details have none. */
function refuseAny(causes: readonly StatusCause[]): void {
  if (causes.length === 0) return
  const { message, details } = invalid({ group: 'authorization.k8s.io', kind: '' }, '', causes)
  throw new StatusError('Invalid', message, { group: 'authorization.k8s.io', causes: details?.causes ?? [] })
}

async function decide({ authorizer }: SubresourceContext, user: UserInfo, question: Question): Promise<object> {
  const { info, problems } = askedRequest(question)
  const { type, reason, error } = await authorizer({ user, info })
  const errors = [...(error === undefined ? [] : [error]), ...problems]
  return {
    allowed: type === 'allow',
    ...(type === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(errors.length === 0 ? {} : { evaluationError: errors.join('; ') }),
  }
}

async function reviewRules(
  request: ApiRequest,
  context: SubresourceContext,
  rulesFor: RuleResolver,
): Promise<SubresourceAnswer> {
  const { body, validate } = await admittedBody(request, context, 'authorization.v1.SelfSubjectRulesReview')
  const { namespace = '' } = body.spec
  if (namespace === '') throw badRequest('no namespace on request')
  await validate()
  // Upstream's answer is about the rules alone: the question is not in it.
  const { kind, apiVersion } = body
  const status = rulesStatus(rulesFor(request.user, namespace))
  return { code: 201, object: asJson({ kind, apiVersion, metadata: {}, spec: {}, status }) }
}

/** A user's rules as the review shows them. */
export function rulesStatus({ rules, incomplete, errors }: UserRules): object {
  return {
    resourceRules: rules.filter((rule) => (rule.resources ?? []).length > 0).map(resourceRule),
    nonResourceRules: rules
      .filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
      .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
    incomplete,
    ...(errors.length === 0 ? {} : { evaluationError: joinErrors(errors) }),
  }
}

function resourceRule({ verbs, apiGroups = [], resources = [], resourceNames }: PolicyRule): object {
  return { verbs, apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) }
}
