/** AlwaysPullImages: nobody starts an image that another's credentials brought to the node. Off by default. */
import type { Container, Pod } from '../../api/core/v1.ts'
import { notSupported } from '../../apimachinery/field-errors.ts'
import { joinErrors } from '../authn/join-errors.ts'
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { asApiObject, isAbout, newObject, oldObject, refuse, unchanged } from './request.ts'

const always = 'Always'

/** The plugin. */
export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  mutate: (request) => {
    const pod = podOf(request)
    return pod === undefined ? unchanged(request) : asApiObject(alwaysPulling(pod))
  },
  validate: (request) => {
    const pod = podOf(request)
    const problems = pod === undefined ? [] : problemsOf(pod).map((problem) => refuse(request, problem))
    const [first] = problems
    if (first === undefined) return
    first.message = joinErrors(problems.map(({ message }) => message))
    throw first
  },
}

/** An update that brings no new image is left alone. */
function podOf(request: AdmissionRequest): Pod | undefined {
  if (!isAbout(request, kinds.pods)) return undefined
  const pod = newObject(request, kinds.pods)
  const old = oldObject(request, kinds.pods)
  if (pod === undefined || old === undefined) return pod
  const known = new Set(containersOf(old).map(([{ image }]) => image))
  return containersOf(pod).some(([{ image }]) => !known.has(image)) ? pod : undefined
}

function alwaysPulling(pod: Pod): Pod {
  const pulling = <C extends object>(containers: readonly C[]): readonly C[] =>
    containers.map((container) => ({ ...container, imagePullPolicy: always }))
  const { containers, initContainers, ephemeralContainers, volumes } = pod.spec
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pulling(containers),
      ...(initContainers === undefined ? {} : { initContainers: pulling(initContainers) }),
      ...(ephemeralContainers === undefined ? {} : { ephemeralContainers: pulling(ephemeralContainers) }),
      ...(volumes === undefined
        ? {}
        : {
            volumes: volumes.map((volume) =>
              volume.image === undefined ? volume : { ...volume, image: { ...volume.image, pullPolicy: always } },
            ),
          }),
    },
  }
}

function problemsOf(pod: Pod): readonly string[] {
  const causes = [
    ...containersOf(pod).flatMap(([{ imagePullPolicy = '' }, path]) =>
      imagePullPolicy === always ? [] : [notSupported(`${path}.imagePullPolicy`, imagePullPolicy, [always])],
    ),
    ...(pod.spec.volumes ?? []).flatMap(({ image }, index) =>
      image === undefined || image.pullPolicy === always
        ? []
        : [notSupported(`spec.volumes[${index}].image.pullPolicy`, image.pullPolicy ?? '', [always])],
    ),
  ]
  return causes.map(({ field, message }) => `${field ?? ''}: ${message}`)
}

type Pulled = Pick<Container, 'image' | 'imagePullPolicy'>

function containersOf({ spec }: Pod): readonly (readonly [Pulled, string])[] {
  const lists = {
    initContainers: spec.initContainers,
    containers: spec.containers,
    ephemeralContainers: spec.ephemeralContainers,
  }
  return Object.entries(lists).flatMap(([field, list]) =>
    (list ?? []).map((container: Pulled, index) => [container, `spec.${field}[${index}]`] as const),
  )
}
