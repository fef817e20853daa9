/** Every library that expressions in Kubernetes may use. (Placeholder of POLICY until CEL-LIBS writes it: overwrite.) */
import type { Library } from '../library.ts'

export const kubernetesLibraries: readonly Library[] = []
