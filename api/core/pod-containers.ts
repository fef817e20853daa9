/** All containers of a pod, whatever their kind. */
import type { Container, EphemeralContainer, PodSpec } from './v1.ts'

/** Every container with its path, in upstream's order. Source: `VisitContainersWithPath`. */
export function eachContainer(
  spec: PodSpec,
  field: string,
): readonly { readonly container: Container | EphemeralContainer; readonly path: string }[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index) => ({ container, path: `${field}.${list}[${index}]` })),
  )
}
