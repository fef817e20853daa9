/**
 * Labels and annotations that the kubelet puts on sandboxes and containers. They are how a restarted kubelet knows its
 * own: nothing about a running pod is remembered anywhere else. Source: upstream `pkg/kubelet/kuberuntime/labels.go`.
 */
export const podNameLabel = 'io.kubernetes.pod.name'
export const podNamespaceLabel = 'io.kubernetes.pod.namespace'
export const podUidLabel = 'io.kubernetes.pod.uid'
export const containerNameLabel = 'io.kubernetes.container.name'

export const containerHashAnnotation = 'io.kubernetes.container.hash'
/** What the container was granted when it was made: our own, upstream keeps it in a file. */
export const grantedResourcesAnnotation = 'kubets.local/granted-resources'
export const restartCountAnnotation = 'io.kubernetes.container.restartCount'
export const terminationMessagePathAnnotation = 'io.kubernetes.container.terminationMessagePath'
export const terminationMessagePolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy'
export const gracePeriodAnnotation = 'io.kubernetes.pod.terminationGracePeriod'

/** Where a pod came from and what a mirror pod mirrors. Source: upstream `pkg/kubelet/types/pod_update.go`. */
export const configSourceAnnotation = 'kubernetes.io/config.source'
export const configMirrorAnnotation = 'kubernetes.io/config.mirror'
export const configHashAnnotation = 'kubernetes.io/config.hash'
export const configSeenAnnotation = 'kubernetes.io/config.seen'
