/** Where the kubelet keeps what belongs to a pod: upstream's layout below `--root-dir`. */
import { join } from 'node:path'

export type PodPaths = {
  readonly root: string
  readonly volumes: string
  readonly etcHosts: string
  readonly containers: string
}

/** Directories of one pod. */
export function podPaths(rootDir: string, uid: string): PodPaths {
  const root = join(rootDir, 'pods', uid)
  return {
    root,
    volumes: join(root, 'volumes'),
    etcHosts: join(root, 'etc-hosts'),
    containers: join(root, 'containers'),
  }
}

/** Directory of one volume, such as `volumes/kubernetes.io~empty-dir/cache`. */
export function volumePath(rootDir: string, uid: string, plugin: string, name: string): string {
  return join(podPaths(rootDir, uid).volumes, `kubernetes.io~${plugin}`, name)
}

/** Directory of a pod's logs: `default_web-1_<uid>`. */
export function podLogDirectory(podLogsDir: string, pod: { namespace: string; name: string; uid: string }): string {
  return join(podLogsDir, `${pod.namespace}_${pod.name}_${pod.uid}`)
}
