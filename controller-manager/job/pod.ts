/** The pods of a job. Pure. */

import type { Job } from '../../api/batch/v1.ts'
import type { Container, Pod, PodTemplateSpec } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { podFromTemplate } from '../pod/template.ts'
import { indexAnnotation } from './indexes.ts'

/** Holds a pod until it is counted. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
export const indexFailureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'
const indexVariable = 'JOB_COMPLETION_INDEX'
const maxHostname = 63
const maxGenerateName = 58

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) === true
}

/** The wish for one pod: which index, and how often that index has failed. */
export type PodWish = { readonly index: number | undefined; readonly indexFailures: number | undefined }

/** The pod to create. */
export function jobPod(job: Job, { index, indexFailures }: PodWish): Draft<'core.v1.Pod'> {
  const { name, namespace = '' } = job.metadata
  const identity = { namespace, owner: controllerReference(job), finalizers: [trackingFinalizer] }
  if (index === undefined) return podFromTemplate(job.spec.template, { ...identity, generateName: `${name}-` })
  const suffix = `-${index}-`
  return podFromTemplate(indexedTemplate(job, index), {
    ...identity,
    generateName: `${name.slice(0, maxGenerateName - suffix.length)}${suffix}`,
    labels: { [indexAnnotation]: String(index) },
    annotations: {
      [indexAnnotation]: String(index),
      ...(indexFailures === undefined ? {} : { [indexFailureCountAnnotation]: String(indexFailures) }),
    },
  })
}

/** Containers learn their index from the environment, and the pod's host name carries it. */
function indexedTemplate({ metadata, spec }: Job, index: number): PodTemplateSpec {
  const { template } = spec
  const hostname = `${metadata.name.slice(0, maxHostname - String(index).length - 1)}-${index}`
  const { initContainers } = template.spec
  return {
    ...template,
    spec: {
      ...template.spec,
      hostname,
      containers: template.spec.containers.map(withIndexVariable),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(withIndexVariable) }),
    },
  }
}

function withIndexVariable(container: Container): Container {
  if (container.env?.some(({ name }) => name === indexVariable) === true) return container
  const fieldPath = `metadata.labels['${indexAnnotation}']`
  const variable = { name: indexVariable, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }
  return { ...container, env: [...(container.env ?? []), variable] }
}
