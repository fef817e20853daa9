/**
 * The file of `--admission-control-config-file`: an `AdmissionConfiguration`, whose only plugin with a configuration here is
 * PodSecurity. Others are refused, because a limit that nobody reads would look like one.
 */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { Json } from '../../apimachinery/json.ts'
import {
  ConfigFileError,
  type ConfigObject,
  hasField,
  objectField,
  objectsField,
  openFile,
  openObject,
  refuseProblems,
  textField,
  textsField,
} from '../authn/config-object.ts'
import {
  isPodSecurityLevel,
  isPodSecurityVersion,
  type LevelVersion,
  levelProblem,
  type PodSecurityConfig,
  type PodSecurityMode,
  versionProblem,
} from './pod-security-policy.ts'

/** What plugins were configured with. */
export type AdmissionConfig = { readonly podSecurity?: PodSecurityConfig }

/** Reads the file; `''` names none. Throws `ConfigFileError`. */
export async function readAdmissionConfig(path: string): Promise<AdmissionConfig> {
  if (path === '') return {}
  const file = openFile(parse(await readFile(path, 'utf8')), 'AdmissionConfiguration', ['v1', 'v1alpha1'], ['plugins'])
  const plugins = objectsField(file, 'plugins', ['name', 'path', 'configuration'])
  let config: AdmissionConfig = {}
  for (const plugin of plugins) {
    const name = textField(plugin, 'name')
    if (name !== 'PodSecurity') {
      throw new ConfigFileError(
        `the configuration of admission plugin ${JSON.stringify(name)} is not supported by this server`,
      )
    }
    config = { podSecurity: parsePodSecurity(await configurationOf(plugin, path), file.problems) }
  }
  refuseProblems(file.problems)
  return config
}

/** Inside of the file, or in a file beside it. */
async function configurationOf(plugin: ConfigObject, path: string): Promise<Json | undefined> {
  if (hasField(plugin, 'configuration')) return plugin.value['configuration']
  const other = textField(plugin, 'path')
  return other === '' ? undefined : (parse(await readFile(resolve(dirname(path), other), 'utf8')) as Json)
}

/** `PodSecurityConfiguration` of pod-security.admission.config.k8s.io. */
export function parsePodSecurity(value: Json | undefined, problems: string[]): PodSecurityConfig {
  const object = openObject(value, '', problems, ['kind', 'apiVersion', 'defaults', 'exemptions'])
  const kind = textField(object, 'kind')
  if (value !== undefined && kind !== 'PodSecurityConfiguration') {
    throw new ConfigFileError(`no kind ${JSON.stringify(kind)} is registered for PodSecurity`)
  }
  const modes = ['enforce', 'audit', 'warn'].flatMap((mode) => [mode, `${mode}-version`])
  const defaults = objectField(object, 'defaults', modes)
  const exemptions = objectField(object, 'exemptions', ['usernames', 'namespaces', 'runtimeClasses'])
  return {
    defaults: {
      enforce: levelOf(defaults, 'enforce'),
      audit: levelOf(defaults, 'audit'),
      warn: levelOf(defaults, 'warn'),
    },
    exemptions: {
      usernames: textsField(exemptions, 'usernames'),
      namespaces: textsField(exemptions, 'namespaces'),
      runtimeClasses: textsField(exemptions, 'runtimeClasses'),
    },
  }
}

function levelOf(defaults: ConfigObject, mode: PodSecurityMode): LevelVersion {
  const level = textField(defaults, mode) || 'privileged'
  const version = textField(defaults, `${mode}-version`) || 'latest'
  if (!isPodSecurityVersion(version)) {
    defaults.problems.push(`defaults.${mode}-version: Invalid value: ${JSON.stringify(version)}: ${versionProblem}`)
  }
  if (isPodSecurityLevel(level)) return { level, version }
  defaults.problems.push(`defaults.${mode}: Invalid value: ${JSON.stringify(level)}: ${levelProblem}`)
  return { level: 'restricted', version }
}
