/** What every controller gets, and how one is started. */

import type { ApiObject } from '../api/resource.ts'
import { type NamespacedName, objectKey } from '../apimachinery/brand.ts'
import { hasReason } from '../apimachinery/status.ts'
import type { Informer } from '../client/cache/informer.ts'
import { type Controller, runController } from '../client/controller/controller.ts'
import type { Recorder } from '../client/events/recorder.ts'
import type { Client } from '../client/rest/client.ts'
import { createWorkqueue, type Workqueue } from '../client/workqueue/workqueue.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import type { Task } from '../component-base/run.ts'
import type { Config } from './config.ts'
import type { Informers } from './informers.ts'

export type ControllerContext = {
  /** Acts as the controller's own service account where that is asked for. */
  readonly client: Client
  readonly informers: Informers
  /** A recorder whose events name `component` as their source. */
  readonly recorder: (component: string) => Recorder
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly config: Config
}

/** Wires a controller's handlers and returns its work. Handlers are wired before the caches fill. */
export type StartController = (context: ControllerContext) => Task

/** The queue of one controller. */
export function newQueue(context: ControllerContext): Workqueue<NamespacedName> {
  return createWorkqueue<NamespacedName>({ clock: context.clock, random: context.random })
}

/** Adds the key of every object that changes. */
export function enqueueChanges<T extends ApiObject>(informer: Informer<T>, queue: Workqueue<NamespacedName>): void {
  informer.onChange(({ object }) => queue.add(objectKey(object)))
}

/** Waits for the caches, then runs the workers. */
export function controllerTask<Observed, Action>(
  caches: readonly { readonly whenSynced: (signal: AbortSignal) => Promise<void> }[],
  controller: Controller<Observed, Action>,
  workers: number,
): Task {
  return async (signal) => {
    for (const cache of caches) await cache.whenSynced(signal)
    await runController(controller, { workers }, signal)
  }
}

/** Conflicts are the ordinary way to learn of a change that has not arrived yet; the rest is worth a line. */
export function reportTo(logger: Logger, controller: string): (key: NamespacedName, error: unknown) => void {
  return (key, error) => {
    if (hasReason(error, 'Conflict')) logger.debug('Retried after a conflict', { controller, key })
    else logger.info('Retried after an error', { controller, key, error })
  }
}
