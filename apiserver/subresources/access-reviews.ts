/** "May this user do that?", asked of the API: the reviews of `authorization.k8s.io`. */
import type { SelfSubjectAccessReview, SubjectAccessReview } from '../../api/authorization/v1.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { badRequest, invalid, type StatusCause } from '../../apimachinery/status.ts'
import { joinErrors } from '../authn/join-errors.ts'
import type { RuleResolver, UserRules } from '../authz/authorizer.ts'
import type { PolicyRule } from '../authz/rbac-rules.ts'
import type { ApiRequest } from '../http/api-request.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'
import { asJson, requiredBody } from './answers.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

type Question = SelfSubjectAccessReview['spec']

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
  const body = await requiredBody(context, request, 'authorization.v1.SelfSubjectAccessReview')
  refuseAny('SelfSubjectAccessReview', questionCauses(body.spec))
  return { code: 201, object: asJson({ ...body, status: await decide(context, request.user, body.spec) }) }
}

async function reviewOther(
  request: ApiRequest,
  context: SubresourceContext,
  namespace: string | undefined,
): Promise<SubresourceAnswer> {
  const kind = namespace === undefined ? 'SubjectAccessReview' : 'LocalSubjectAccessReview'
  const body = await requiredBody(context, request, `authorization.v1.${kind}`)
  refuseAny(kind, [...questionCauses(body.spec), ...subjectCauses(body.spec)])
  if (namespace !== undefined) refuseOtherNamespace(body.spec, namespace)
  const { user = '', uid, groups = [], extra } = body.spec
  const subject: UserInfo = {
    name: user,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  }
  return { code: 201, object: asJson({ ...body, status: await decide(context, subject, body.spec) }) }
}

function refuseOtherNamespace({ resourceAttributes, nonResourceAttributes }: Question, namespace: string): void {
  const kind = { group: 'authorization.k8s.io', kind: 'LocalSubjectAccessReview' }
  if (nonResourceAttributes !== undefined) {
    throw invalid(kind, '', [
      invalidValue('spec.nonResourceAttributes', asJson(nonResourceAttributes), 'disallowed on this kind of request'),
    ])
  }
  if (resourceAttributes?.namespace === namespace) return
  throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`)
}

function refuseAny(kind: string, causes: readonly StatusCause[]): void {
  if (causes.length > 0) throw invalid({ group: 'authorization.k8s.io', kind }, '', causes)
}

/** Exactly one of the two kinds of question. */
export function questionCauses({ resourceAttributes, nonResourceAttributes }: Question): readonly StatusCause[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    return [
      invalidValue(
        'spec.nonResourceAttributes',
        asJson(nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      ),
    ]
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    return [
      invalidValue(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    ]
  }
  return []
}

function subjectCauses({ user = '', groups = [] }: SubjectAccessReview['spec']): readonly StatusCause[] {
  if (user !== '' || groups.length > 0) return []
  return [invalidValue('spec.user', user, 'at least one of user or group must be specified')]
}

async function decide({ authorizer }: SubresourceContext, user: UserInfo, question: Question): Promise<object> {
  const { type, reason, error } = await authorizer({ user, info: infoOf(question) })
  return {
    allowed: type === 'allow',
    ...(type === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(error === undefined ? {} : { evaluationError: error }),
  }
}

/** The question as a request would put it. */
export function infoOf({ resourceAttributes, nonResourceAttributes }: Question): RequestInfo {
  const {
    verb = '',
    group = '',
    version = '',
    namespace = '',
    resource = '',
    subresource = '',
    name = '',
  } = resourceAttributes ?? {}
  const fieldSelector = selectorOf(resourceAttributes)
  return {
    isResourceRequest: resourceAttributes !== undefined,
    verb: resourceAttributes === undefined ? (nonResourceAttributes?.verb ?? '') : verb,
    apiPrefix: '',
    group,
    version,
    namespace,
    resource,
    subresource,
    name,
    parts: [],
    path: nonResourceAttributes?.path ?? '',
    ...(fieldSelector === '' ? {} : { fieldSelector }),
  }
}

function selectorOf(attributes: Question['resourceAttributes']): string {
  const { rawSelector, requirements = [] } = attributes?.fieldSelector ?? {}
  if (rawSelector !== undefined && rawSelector !== '') return rawSelector
  return requirements
    .filter(({ operator, values }) => operator === 'In' && values?.length === 1)
    .map(({ key, values }) => `${key}=${values?.[0] ?? ''}`)
    .join(',')
}

async function reviewRules(
  request: ApiRequest,
  context: SubresourceContext,
  rulesFor: RuleResolver,
): Promise<SubresourceAnswer> {
  const body = await requiredBody(context, request, 'authorization.v1.SelfSubjectRulesReview')
  const { namespace = '' } = body.spec
  if (namespace === '') throw badRequest('no namespace on request')
  return { code: 201, object: asJson({ ...body, status: rulesStatus(rulesFor(request.user, namespace)) }) }
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
