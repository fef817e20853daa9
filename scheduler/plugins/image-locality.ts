import type { Pod } from '../../api/core/v1.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { Snapshot } from '../cache/snapshot.ts'
import { maxNodeScore, type Plugin } from '../framework/plugin.ts'

const mebibyte = 1024 * 1024
/** Smaller sums of images count as nothing. */
const minBytes = 23 * mebibyte
/** The sum of images beyond which a node gets full points, for each container. */
const maxBytesPerContainer = 1000 * mebibyte

/** Prefers nodes that have the pod's images, weighed by how widely each image is spread ("node heating"). */
export const imageLocality: Plugin = {
  name: 'ImageLocality',
  score: ({ pod }, snapshot, feasible) => {
    if (feasible.every(({ images }) => images.size === 0)) return undefined
    const images = imagesOf(pod)
    return { score: (node) => points(bytesOn(node, images, snapshot), images.length) }
  },
}

function bytesOn(node: NodeInfo, images: readonly string[], snapshot: Snapshot): number {
  let bytes = 0
  for (const image of images) {
    const size = node.images.get(image)
    if (size !== undefined) bytes += Math.floor(size * (snapshot.imageSpread(image) / snapshot.nodes.length))
  }
  return bytes
}

function points(bytes: number, containers: number): number {
  const most = maxBytesPerContainer * containers
  const clamped = Math.min(Math.max(bytes, minBytes), most)
  return Math.floor((maxNodeScore * (clamped - minBytes)) / (most - minBytes))
}

function imagesOf(pod: Pod): readonly string[] {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
  return containers.map(({ image }) => normalize(image ?? ''))
}

/** The kubelet reports images with a tag or digest, `latest` when none was asked for. */
function normalize(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
}
