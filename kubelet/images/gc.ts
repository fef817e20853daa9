/** Removes images that nothing uses when the disk fills up. Source: `imageGCHighThresholdPercent` of the KubeletConfiguration. */
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { DiskUsage } from '../node/machine.ts'
import type { Cri, Runtime } from '../runtime/cri.ts'

export type ImageUse = {
  readonly id: string
  readonly sizeBytes: number
  readonly isPinned: boolean
  readonly firstSeenMs: number
  readonly lastUsedMs: number
}
export type ImageGcPolicy = { readonly highPercent: number; readonly lowPercent: number; readonly minimumAgeMs: number }

/** How many bytes must go: none below the high mark, else down to the low mark. Pure. */
export function bytesToFree(disk: DiskUsage, { highPercent, lowPercent }: ImageGcPolicy): number {
  if (disk.capacityBytes === 0) return 0
  const usedPercent = 100 - Math.floor((disk.availableBytes * 100) / disk.capacityBytes)
  if (usedPercent < highPercent) return 0
  return Math.floor((disk.capacityBytes * (100 - lowPercent)) / 100) - disk.availableBytes
}

/** Images to remove, least recently used first, until enough is free. Pure. */
export function imagesToRemove(
  images: readonly ImageUse[],
  inUse: ReadonlySet<string>,
  wantedBytes: number,
  minimumAgeMs: number,
  nowMs: number,
): readonly ImageUse[] {
  const candidates = images
    .filter(({ id, isPinned, firstSeenMs }) => !isPinned && !inUse.has(id) && nowMs - firstSeenMs >= minimumAgeMs)
    .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs || a.firstSeenMs - b.firstSeenMs)
  let left = wantedBytes
  return candidates.filter(({ sizeBytes }) => {
    if (left <= 0) return false
    left -= sizeBytes
    return true
  })
}

export type ImageGcOptions = {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly logger: Logger
  readonly policy: ImageGcPolicy
  readonly periodMs: number
  readonly readDisk: () => Promise<DiskUsage>
}

/** Looks again and again until `signal` aborts. */
export async function collectImages(options: ImageGcOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, periodMs } = options
  let seen: ReadonlyMap<string, ImageUse> = new Map()
  while (!signal.aborted) {
    try {
      seen = await collectOnce(options, seen, signal)
    } catch (error) {
      if (signal.aborted) break
      logger.info('Images were not collected', { error })
    }
    await clock.sleep(periodMs, signal)
  }
  signal.throwIfAborted()
}

async function collectOnce(
  { runtime, clock, logger, policy, readDisk }: ImageGcOptions,
  before: ReadonlyMap<string, ImageUse>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ImageUse>> {
  const [{ images }, { containers }, disk] = await Promise.all([
    runtime.call('ListImages', {}, signal),
    runtime.call('ListContainers', {}, signal),
    readDisk(),
  ])
  const inUse = new Set(containers.map(({ imageRef }) => imageRef))
  const nowMs = clock.now()
  const uses = images.map((image) => observe(image, before.get(image.id), inUse.has(image.id), nowMs))
  const surplus = imagesToRemove(uses, inUse, bytesToFree(disk, policy), policy.minimumAgeMs, nowMs)
  for (const { id, sizeBytes } of surplus) {
    logger.info('Removed unused image', { id, sizeBytes })
    await runtime.call('RemoveImage', { image: { image: id } }, signal)
  }
  return new Map(uses.map((use) => [use.id, use]))
}

function observe(image: Cri<'Image'>, before: ImageUse | undefined, isUsed: boolean, nowMs: number): ImageUse {
  return {
    id: image.id,
    sizeBytes: image.size,
    isPinned: image.pinned,
    firstSeenMs: before?.firstSeenMs ?? nowMs,
    lastUsedMs: isUsed ? nowMs : (before?.lastUsedMs ?? 0),
  }
}
