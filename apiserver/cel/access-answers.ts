/**
 * What expressions ask the authorizer. CEL does not wait and an authorizer may (a webhook): a question without an answer throws out
 * of the evaluation, the answer is awaited, and the evaluation begins again. Equal questions of one request are asked once.
 * Source: upstream's `NewCachingAuthorizer`.
 */
import type { AccessAnswer, AccessQuestion, AskAccess } from '../../apimachinery/cel/library/authorizer.ts'
import type { Attributes, Authorizer, Decision } from '../authz/authorizer.ts'
import { requestInfo } from '../http/request-info.ts'

/** An expression has asked something that nobody knows yet. Not an error of CEL: no expression may absorb it. */
class Unanswered extends Error {
  override readonly name = 'Unanswered'
  readonly settle: () => Promise<void>

  constructor(settle: () => Promise<void>) {
    super('the authorizer has not answered yet')
    this.settle = settle
  }
}

/** The questions and answers of one request. */
export class AccessAnswers {
  readonly #authorizer: Authorizer
  readonly #known = new Map<string, AccessAnswer>()

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer
  }

  /** For the values of `authorizer`. */
  readonly ask: AskAccess = (question) => {
    const key = JSON.stringify(question)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const decision = this.#authorizer(attributesOf(question))
    if (!(decision instanceof Promise)) return this.#keep(key, decision)
    throw new Unanswered(async () => {
      this.#keep(key, await decision)
    })
  }

  /** Evaluates until all that is asked has been answered; each time at least one more question is. */
  async settled<T>(evaluate: () => T): Promise<T> {
    for (;;) {
      try {
        return evaluate()
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error
        await error.settle()
      }
    }
  }

  #keep(key: string, { type, reason, error }: Decision): AccessAnswer {
    const answer = { allowed: type === 'allow', reason, ...(error === undefined ? {} : { error }) }
    this.#known.set(key, answer)
    return answer
  }
}

function attributesOf(question: AccessQuestion): Attributes {
  const { user, verb } = question
  if (question.type === 'path') {
    return { user, info: requestInfo({ isResourceRequest: false, verb, path: question.path }) }
  }
  const { group, resource, subresource, namespace, name, fieldSelector } = question
  const info = requestInfo({
    verb,
    apiPrefix: group === '' ? 'api' : 'apis',
    group,
    version: '*',
    namespace,
    resource,
    subresource,
    name,
    parts: [resource, name, subresource].filter((part) => part !== ''),
    ...(fieldSelector === '' ? {} : { fieldSelector }),
  })
  return { user, info }
}
