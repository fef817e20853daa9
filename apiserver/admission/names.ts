/** The names that `--enable-admission-plugins` and `--disable-admission-plugins` know. Pure. */

/** On by default upstream; those that we lack guard kinds and features that this server does not serve. */
const onByDefault = [
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'DefaultIngressClass',
  'DefaultStorageClass',
  'DefaultTolerationSeconds',
  'JobValidation',
  'LimitRanger',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'NamespaceLifecycle',
  'NodeDeclaredFeatureValidator',
  'PersistentVolumeClaimResize',
  'PodGroupProtection',
  'PodGroupWorkloadExists',
  'PodResizeValidator',
  'PodSecurity',
  'PodTopologyLabels',
  'Priority',
  'ResourceQuota',
  'RuntimeClass',
  'ServiceAccount',
  'StorageObjectInUseProtection',
  'TaintNodesByCondition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
]
/** Off by default, and turned on here without being asked for: it concerns nodes only. */
const alwaysOn = ['NodeRestriction']
/** Turned on by name only. */
export const offByDefault: readonly string[] = [
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'ExtendedResourceToleration',
  'LimitPodHardAntiAffinityTopology',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'OwnerReferencesPermissionEnforcement',
  'PodNodeSelector',
]
/** Upstream has them, this server does not: asking for one must not look as if it worked. */
const missing = ['EventRateLimit', 'ImagePolicyWebhook', 'PodTolerationRestriction']
const known = new Set([...onByDefault, ...alwaysOn, ...offByDefault, ...missing])

/** What is wrong with the two lists. Source: `AdmissionOptions.Validate`. */
export function pluginNameProblems(enabled: readonly string[], disabled: readonly string[]): readonly string[] {
  const both = [...new Set(enabled)].filter((name) => disabled.includes(name)).toSorted()
  return [
    ...unknown('enable-admission-plugins', enabled),
    ...enabled
      .filter((name) => missing.includes(name))
      .map((name) => `enable-admission-plugins plugin ${JSON.stringify(name)} is not supported by this server`),
    ...unknown('disable-admission-plugins', disabled),
    ...(both.length === 0
      ? []
      : [`[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`]),
  ]
}

function unknown(flag: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => !known.has(name)).map((name) => `${flag} plugin ${JSON.stringify(name)} is unknown`)
}
