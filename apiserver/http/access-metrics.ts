/** Upstream's metrics of who asks and whether they may. */

import { StatusError } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Registry } from '../../component-base/metrics.ts'
import { bucketTallies, countTallies } from '../../component-base/tallies.ts'
import type { Decision } from '../authz/authorizer.ts'
import type { UserInfo } from './request-info.ts'

/** Told what became of each step, and when it began. */
export type AccessMetrics = {
  readonly authenticated: (user: UserInfo, startedMs: number) => void
  readonly notAuthenticated: (error: unknown, startedMs: number) => void
  readonly authorized: (decision: Decision, startedMs: number) => void
}

/** Registers the metrics. */
export function createAccessMetrics(registry: Registry, clock: Clock): AccessMetrics {
  const users = countTallies(registry, {
    name: 'authenticated_user_requests',
    help: 'Counter of authenticated requests broken out by username.',
    labelNames: ['username'],
  })
  const attempts = countTallies(registry, {
    name: 'authentication_attempts',
    help: 'Counter of authenticated attempts.',
    labelNames: ['result'],
  })
  const decisions = countTallies(registry, {
    name: 'authorization_attempts_total',
    help: "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
    labelNames: ['result'],
  })
  const seconds = (step: string) =>
    bucketTallies(
      registry,
      {
        name: `${step.toLowerCase()}_duration_seconds`,
        help: `${step} duration in seconds broken out by result.`,
        labelNames: ['result'],
      },
      durationBounds,
    )
  const authenticationSeconds = seconds('Authentication')
  const authorizationSeconds = seconds('Authorization')
  const observeAttempt = (result: string, startedMs: number): void => {
    const labels = () => ({ result })
    attempts.of(result, labels).add()
    authenticationSeconds.of(result, labels).observe((clock.now() - startedMs) / 1000)
  }
  return {
    authenticated: ({ name }, startedMs) => {
      const username = compressed(name)
      users.of(username, () => ({ username })).add()
      observeAttempt('success', startedMs)
    },
    notAuthenticated: (error, startedMs) => {
      observeAttempt(error instanceof StatusError && error.code === 401 ? 'failure' : 'error', startedMs)
    },
    authorized: (decision, startedMs) => {
      const result = resultOf(decision)
      const labels = () => ({ result })
      decisions.of(result, labels).add()
      authorizationSeconds.of(result, labels).observe((clock.now() - startedMs) / 1000)
    },
  }
}

/** Source: `metrics.ExponentialBuckets(0.001, 2, 15)`. */
const durationBounds = Array.from({ length: 15 }, (_, step) => 0.001 * 2 ** step)

function resultOf({ type, error }: Decision): string {
  if (type === 'allow') return 'allowed'
  if (error !== undefined) return 'error'
  return type === 'deny' ? 'denied' : 'no-opinion'
}

const knownNames = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default'])

/** A label must not have a value per user. Source: `compressUsername`. */
function compressed(name: string): string {
  if (knownNames.has(name)) return name
  return name.includes('@') ? 'email_id' : 'other'
}
