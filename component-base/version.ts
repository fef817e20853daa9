/** The Kubernetes version whose behaviour kubets has. Shown by `/version`, `--version` and as a node's kubelet version. */
export const kubernetesVersion = 'v1.36.2'
