/** When an image is fetched, unless the author says. Source: `SetDefaults_Container`, `parsers.ParseImageName`. */

/** `Always` for `:latest` or no tag at all; a digest alone is never refetched. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  const [name = '', digest] = image.split('@')
  const tag = /:([\w][\w.-]{0,127})$/.exec(name)?.[1]
  if (name === '') return 'IfNotPresent'
  return tag === 'latest' || (tag === undefined && digest === undefined) ? 'Always' : 'IfNotPresent'
}
