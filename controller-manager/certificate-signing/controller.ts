/** The CSR signing controller: certificates for approved requests. Approval is somebody else's. */
import { certificateSigningRequests as requestsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { loadAuthority, signRequest, subjectOf } from './certificate.ts'
import { type Action, plan } from './plan.ts'

/** Wires the controller. It runs only where the flags name a CA. */
export function startCertificateSigningController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const requests = informers.of(requestsRef)
  const queue = newQueue(context)
  enqueueChanges(requests, queue)
  const { cert = '', key = '', durationMs = 0 } = config.signing ?? {}
  const authority = loadAuthority(cert, key)
  // Whoever signs first awaits it; a CA that cannot be read fails that attempt, and is reported there.
  authority.catch(() => {})
  const statusAfter = async (action: Action) => {
    const { spec, status } = action.request
    if (action.type === 'fail') {
      const { message, time } = action
      const failed = {
        type: 'Failed',
        status: 'True',
        reason: 'SignerValidationFailure',
        message,
        lastUpdateTime: time,
        lastTransitionTime: time,
      }
      return { ...status, conditions: [...(status.conditions ?? []), failed] }
    }
    const wantedMs = (spec.expirationSeconds ?? Number.POSITIVE_INFINITY) * 1000
    const terms = {
      request: spec.request,
      usages: spec.usages ?? [],
      lifeMs: Math.min(wantedMs, durationMs),
      nowMs: clock.now(),
    }
    const pem = await signRequest(await authority, terms)
    return { ...status, certificate: Buffer.from(pem).toString('base64') }
  }
  return controllerTask(
    [requests],
    {
      name: 'certificate-signing',
      queue,
      observe: (at) => {
        const request = requests.get(at)
        return request === undefined
          ? undefined
          : { request, subject: subjectOf(request.spec.request), nowMs: clock.now() }
      },
      plan,
      apply: async (action, signal) => {
        const status = await statusAfter(action)
        await whenShown(requests, await client.updateStatus(requestsRef, { ...action.request, status }, signal), signal)
      },
      report: reportTo(logger, 'certificate-signing'),
    },
    1,
  )
}
