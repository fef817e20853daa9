/** The images that the node reports, biggest first. */
import type { ContainerImage } from '../../api/core/v1.ts'
import type { Runtime } from '../runtime/cri.ts'

/** Upstream's `nodeStatusMaxImages`. */
const maxImages = 50
const maxNamesPerImage = 5

/** Reads them from the runtime; none when it does not answer. */
export async function listNodeImages(runtime: Runtime, signal: AbortSignal): Promise<readonly ContainerImage[]> {
  try {
    const { images } = await runtime.call('ListImages', {}, signal, 5_000)
    return images
      .toSorted((a, b) => b.size - a.size)
      .slice(0, maxImages)
      .map(({ repoDigests, repoTags, size }) => ({
        names: [...repoDigests, ...repoTags].slice(0, maxNamesPerImage),
        sizeBytes: size,
      }))
  } catch {
    if (signal.aborted) throw signal.reason
    return []
  }
}
