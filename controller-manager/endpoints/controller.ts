/** The Endpoints controller: the older form of EndpointSlices. */

import type { Endpoints } from '../../api/core/v1.ts'
import { assertNever } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import { endpoints as endpointsRef, pods as podsRef, services as servicesRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { podsOfService, wakeServicesOfPods } from '../endpointslice/service-pods.ts'
import { whenShown } from '../informers.ts'
import { isNamespaceTerminating, messageOf } from '../pod/control.ts'
import { type Action, plan } from './plan.ts'

/** Wires the controller. */
export function startEndpointsController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const services = informers.of(servicesRef)
  const pods = informers.of(podsRef)
  const endpoints = informers.of(endpointsRef)
  const queue = newQueue(context)
  enqueueChanges(services, queue)
  enqueueChanges(endpoints, queue)
  wakeServicesOfPods(pods, services, queue)
  const recorder = context.recorder('endpoint-controller')
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    try {
      const written = await write(client, action, signal)
      if (written !== undefined) await whenShown(endpoints, written, signal)
    } catch (error) {
      if (isNamespaceTerminating(error)) return
      if (!signal.aborted && action.type !== 'delete' && !hasReason(error, 'Conflict')) {
        const { namespace, name } = action.service.metadata
        const verb = action.type === 'create' ? 'Create' : 'Update'
        const message = `Failed to ${action.type} endpoint ${namespace}/${name}: ${messageOf(error)}`
        recorder.event(action.service, 'Warning', `FailedTo${verb}Endpoint`, message)
      }
      throw error
    }
  }
  return controllerTask(
    [services, pods, endpoints],
    {
      name: 'endpoints',
      queue,
      observe: (key) => {
        const service = services.get(key)
        return {
          service,
          endpoints: endpoints.get(key),
          pods: service === undefined ? [] : podsOfService(pods, service),
        }
      },
      plan,
      apply,
      report: reportTo(logger, 'endpoints'),
    },
    config.concurrentSyncs.endpoints,
  )
}

async function write(client: Client, action: Action, signal: AbortSignal): Promise<Endpoints | undefined> {
  switch (action.type) {
    case 'create':
      return await client.create(endpointsRef, action.draft, signal)
    case 'update':
      return await client.update(endpointsRef, action.endpoints, signal)
    case 'delete': {
      const { namespace, name } = action.endpoints.metadata
      try {
        await client.delete(endpointsRef, { namespace, name }, {}, signal)
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
      return undefined
    }
    default:
      return assertNever(action)
  }
}
