import { startCluster, stopCluster } from './cluster.ts'

/** One cluster for all end-to-end tests; removed at the end. */
export async function setup(): Promise<void> {
  await startCluster()
}

export async function teardown(): Promise<void> {
  if (process.env['KUBETS_KEEP'] === undefined) await stopCluster()
}
