import { access } from 'node:fs/promises'
import { kubeconfig, startCluster, stopCluster } from './cluster.ts'

const keepsCluster = process.env['KUBETS_KEEP'] !== undefined
let isOurs = false

/** One cluster for all end-to-end tests; removed at the end. Somebody's own cluster is not touched, unless they say so. */
export async function setup(): Promise<void> {
  if (!keepsCluster && (await isThere(kubeconfig))) {
    throw new Error(
      'a cluster is there already, and these tests would remove it: npm stop ends it, KUBETS_KEEP=1 uses it',
    )
  }
  isOurs = true
  await startCluster()
}

/** Runs also when `setup` has failed. */
export async function teardown(): Promise<void> {
  if (isOurs && !keepsCluster) await stopCluster()
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  )
}
