/** OCI image archives. Source: OCI image specification 1.1, image layout. Pure. */
import { createHash } from 'node:crypto'
import { type TarEntry, tar } from './tar.ts'

export type Image = {
  /** Full reference, such as `kubets.local/shell:1`. */
  readonly reference: string
  readonly architecture: 'amd64' | 'arm64'
  readonly files: readonly TarEntry[]
  readonly config: {
    readonly Entrypoint?: readonly string[]
    readonly Cmd?: readonly string[]
    readonly Env?: readonly string[]
    readonly User?: string
    readonly WorkingDir?: string
    readonly ExposedPorts?: Readonly<Record<string, object>>
  }
}

type Blob = { readonly mediaType: string; readonly digest: string; readonly size: number; readonly content: Buffer }

/** One archive with every image, for `ctr images import`. */
export function ociArchive(images: readonly Image[]): Buffer {
  const blobs: Blob[] = []
  const manifests = images.map((image) => {
    const layer = blob('application/vnd.oci.image.layer.v1.tar', tar(image.files))
    const config = jsonBlob('application/vnd.oci.image.config.v1+json', {
      architecture: image.architecture,
      os: 'linux',
      config: image.config,
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    })
    const manifestType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = jsonBlob(manifestType, {
      schemaVersion: 2,
      mediaType: manifestType,
      config: descriptor(config),
      layers: [descriptor(layer)],
    })
    blobs.push(layer, config, manifest)
    const annotations = {
      'io.containerd.image.name': image.reference,
      'org.opencontainers.image.ref.name': image.reference,
    }
    return { ...descriptor(manifest), annotations, platform: { architecture: image.architecture, os: 'linux' } }
  })
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }))
  const layout = Buffer.from('{"imageLayoutVersion":"1.0.0"}')
  const unique = new Map(blobs.map((each) => [each.digest, each.content]))
  return tar([
    { type: 'file', path: 'oci-layout', mode: 0o644, content: layout },
    { type: 'file', path: 'index.json', mode: 0o644, content: index },
    ...[...unique].map(
      ([digest, content]): TarEntry => ({
        type: 'file',
        path: `blobs/${digest.replace(':', '/')}`,
        mode: 0o644,
        content,
      }),
    ),
  ])
}

function blob(mediaType: string, content: Buffer): Blob {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
  return { mediaType, digest, size: content.length, content }
}

function jsonBlob(mediaType: string, value: unknown): Blob {
  return blob(mediaType, Buffer.from(JSON.stringify(value)))
}

function descriptor({ mediaType, digest, size }: Blob): Omit<Blob, 'content'> {
  return { mediaType, digest, size }
}
