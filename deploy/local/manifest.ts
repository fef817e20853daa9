/** Objects as `npm start` applies them, and short ways to write roles. Pure. */

/** An object as it is applied. */
export type Manifest = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

const rbac = 'rbac.authorization.k8s.io'
const plurals: Readonly<Record<string, string>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  Service: 'services',
  EndpointSlice: 'endpointslices',
  IngressClass: 'ingressclasses',
}

/** Where the API has the object. */
export function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${scope}/${plurals[kind]}/${metadata.name}`
}

/** A ClusterRole for one user. */
export function role(name: string, user: string, rules: readonly unknown[]): readonly Manifest[] {
  return [
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name }, rules },
    binding(name, name, { kind: 'User', name: user }),
  ]
}

/** Gives a ClusterRole to somebody. */
export function binding(
  name: string,
  clusterRole: string,
  subject: { readonly kind: string; readonly name: string },
): Manifest {
  return {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: clusterRole },
    subjects: [{ apiGroup: rbac, ...subject }],
  }
}

/** A Role of the same name, for one user, in one namespace. */
export function namespacedRole(
  namespace: string,
  name: string,
  user: string,
  rules: readonly unknown[],
): readonly Manifest[] {
  return [
    { apiVersion: `${rbac}/v1`, kind: 'Role', metadata: { name, namespace }, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: rbac, kind: 'Role', name },
      subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
    },
  ]
}
