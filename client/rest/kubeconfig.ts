/** The kubeconfig reader, where clients look for it; the API server needs it too, for its webhooks. */
export { type ClientConfig, loadKubeconfig } from '../../component-base/kubeconfig.ts'
