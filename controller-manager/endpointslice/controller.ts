/** The EndpointSlice controller: where the pods of a Service are. Start reading at `plan.ts`. */

import type { ApiObject } from '../../api/resource.ts'
import { assertNever, namespacedName } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import {
  nodes as nodesRef,
  pods as podsRef,
  services as servicesRef,
  endpointSlices as slicesRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown, withIndex } from '../informers.ts'
import { isNamespaceTerminating, messageOf } from '../pod/control.ts'
import { type Action, controllerName, managedByLabel, plan, serviceNameLabel } from './plan.ts'
import { podsOfService, wakeServicesOfPods } from './service-pods.ts'

const serviceIndex = 'managedSlicesOfService'

/** Wires the controller. */
export function startEndpointSliceController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const services = informers.of(servicesRef)
  const pods = informers.of(podsRef)
  const nodes = informers.of(nodesRef)
  const slices = withIndex(informers.of(slicesRef), serviceIndex, ({ metadata }) => {
    const { [serviceNameLabel]: name, [managedByLabel]: manager } = metadata.labels ?? {}
    return name === undefined || manager !== controllerName ? [] : [`${metadata.namespace}/${name}`]
  })
  const queue = newQueue(context)
  enqueueChanges(services, queue)
  wakeServicesOfPods(pods, services, queue.add)
  slices.onChange(({ object }) => {
    const name = object.metadata.labels?.[serviceNameLabel]
    if (name !== undefined && object.metadata.labels?.[managedByLabel] === controllerName) {
      queue.add(namespacedName(object.metadata.namespace, name))
    }
  })
  const recorder = context.recorder('endpoint-slice-controller')
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    try {
      const written = await write(client, action, signal)
      if (written !== undefined) await whenShown(slices, written, signal)
    } catch (error) {
      if (isNamespaceTerminating(error)) return
      const { namespace, name } = action.service.metadata
      const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${messageOf(error)}`
      if (!signal.aborted && !hasReason(error, 'Conflict')) {
        recorder.event(action.service, 'Warning', 'FailedToUpdateEndpointSlices', message)
      }
      throw error
    }
  }
  return controllerTask(
    [services, pods, nodes, slices],
    {
      name: 'endpointslice',
      queue,
      observe: (key) => {
        const service = services.get(key)
        if (service === undefined) return undefined
        const known = new Map(nodes.list().map((node) => [node.metadata.name, node]))
        return {
          service,
          pods: podsOfService(pods, service),
          nodes: known,
          slices: slices.byIndex(serviceIndex, key),
          maxPerSlice: config.maxEndpointsPerSlice,
        }
      },
      plan,
      apply,
      report: reportTo(logger, 'endpointslice'),
    },
    config.concurrentSyncs.endpointslice,
  )
}

/** The object as written; `undefined` when it is gone. */
async function write(client: Client, action: Action, signal: AbortSignal): Promise<ApiObject | undefined> {
  switch (action.type) {
    case 'create':
      return await client.create(slicesRef, action.draft, signal)
    case 'update':
      return await client.update(slicesRef, action.slice, signal)
    case 'delete': {
      const { namespace, name } = action.slice.metadata
      try {
        await client.delete(slicesRef, { namespace, name }, {}, signal)
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
      return undefined
    }
    default:
      return assertNever(action)
  }
}
