/** Facts of apiextensions.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const apiextensionsV1 = {
  'apiextensions.v1.CustomResourceColumnDefinition': {
    fields: {
      name: '1! string =""',
      type: '2! string =""',
      format: '3 string',
      description: '4 string',
      priority: '5 int32',
      jsonPath: '6! string =""',
    },
  },
  'apiextensions.v1.CustomResourceConversion': {
    fields: {
      strategy: '1! string =""',
      webhook: '2 apiextensions.v1.WebhookConversion',
    },
  },
  'apiextensions.v1.CustomResourceDefinition': {
    gvk: { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! apiextensions.v1.CustomResourceDefinitionSpec ={}',
      status: '3 apiextensions.v1.CustomResourceDefinitionStatus ={}',
    },
  },
  'apiextensions.v1.CustomResourceDefinitionCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
      observedGeneration: '6 int64',
    },
  },
  'apiextensions.v1.CustomResourceDefinitionNames': {
    fields: {
      plural: '1! string =""',
      singular: '2 string',
      shortNames: '3 []string list=atomic',
      kind: '4! string =""',
      listKind: '5 string',
      categories: '6 []string list=atomic',
    },
  },
  'apiextensions.v1.CustomResourceDefinitionSpec': {
    fields: {
      group: '1! string =""',
      names: '3! apiextensions.v1.CustomResourceDefinitionNames ={}',
      scope: '4! string =""',
      versions: '7! []apiextensions.v1.CustomResourceDefinitionVersion list=atomic =[]',
      conversion: '9 apiextensions.v1.CustomResourceConversion',
      preserveUnknownFields: '10 bool',
    },
  },
  'apiextensions.v1.CustomResourceDefinitionStatus': {
    fields: {
      conditions: '1 []apiextensions.v1.CustomResourceDefinitionCondition list=map keys=type null',
      acceptedNames: '2 apiextensions.v1.CustomResourceDefinitionNames ={}',
      storedVersions: '3 []string list=atomic null',
      observedGeneration: '4 int64',
    },
  },
  'apiextensions.v1.CustomResourceDefinitionVersion': {
    fields: {
      name: '1! string =""',
      served: '2! bool =false',
      storage: '3! bool =false',
      schema: '4 apiextensions.v1.CustomResourceValidation',
      subresources: '5 apiextensions.v1.CustomResourceSubresources',
      additionalPrinterColumns: '6 []apiextensions.v1.CustomResourceColumnDefinition list=atomic',
      deprecated: '7 bool',
      deprecationWarning: '8 string ptr',
      selectableFields: '9 []apiextensions.v1.SelectableField list=atomic',
    },
  },
  'apiextensions.v1.CustomResourceSubresourceScale': {
    fields: {
      specReplicasPath: '1! string =""',
      statusReplicasPath: '2! string =""',
      labelSelectorPath: '3 string ptr',
    },
  },
  'apiextensions.v1.CustomResourceSubresourceStatus': {
    fields: {},
  },
  'apiextensions.v1.CustomResourceSubresources': {
    fields: {
      status: '1 apiextensions.v1.CustomResourceSubresourceStatus',
      scale: '2 apiextensions.v1.CustomResourceSubresourceScale',
    },
  },
  'apiextensions.v1.CustomResourceValidation': {
    fields: {
      openAPIV3Schema: '1 apiextensions.v1.JSONSchemaProps',
    },
  },
  'apiextensions.v1.ExternalDocumentation': {
    fields: {
      description: '1 string',
      url: '2 string',
    },
  },
  'apiextensions.v1.JSONSchemaProps': {
    fields: {
      id: '1 string',
      '$schema': '2 string',
      '$ref': '3 string ptr',
      description: '4 string',
      type: '5 string',
      format: '6 string',
      title: '7 string',
      default: '8 json',
      maximum: '9 double ptr',
      exclusiveMaximum: '10 bool',
      minimum: '11 double ptr',
      exclusiveMinimum: '12 bool',
      maxLength: '13 int64 ptr',
      minLength: '14 int64 ptr',
      pattern: '15 string',
      maxItems: '16 int64 ptr',
      minItems: '17 int64 ptr',
      uniqueItems: '18 bool',
      multipleOf: '19 double ptr',
      enum: '20 []json list=atomic',
      maxProperties: '21 int64 ptr',
      minProperties: '22 int64 ptr',
      required: '23 []string list=atomic',
      items: '24 schemaOrArray',
      allOf: '25 []apiextensions.v1.JSONSchemaProps list=atomic',
      oneOf: '26 []apiextensions.v1.JSONSchemaProps list=atomic',
      anyOf: '27 []apiextensions.v1.JSONSchemaProps list=atomic',
      not: '28 apiextensions.v1.JSONSchemaProps',
      properties: '29 map<apiextensions.v1.JSONSchemaProps>',
      additionalProperties: '30 schemaOrBool',
      patternProperties: '31 map<apiextensions.v1.JSONSchemaProps>',
      dependencies: '32 map<schemaOrStrings>',
      additionalItems: '33 schemaOrBool',
      definitions: '34 map<apiextensions.v1.JSONSchemaProps>',
      externalDocs: '35 apiextensions.v1.ExternalDocumentation',
      example: '36 json',
      nullable: '37 bool',
      'x-kubernetes-preserve-unknown-fields': '38 bool ptr',
      'x-kubernetes-embedded-resource': '39 bool',
      'x-kubernetes-int-or-string': '40 bool',
      'x-kubernetes-list-map-keys': '41 []string list=atomic',
      'x-kubernetes-list-type': '42 string ptr',
      'x-kubernetes-map-type': '43 string ptr',
      'x-kubernetes-validations': '44 []apiextensions.v1.ValidationRule list=map keys=rule patch=merge mergeKey=rule',
    },
  },
  'apiextensions.v1.SelectableField': {
    fields: {
      jsonPath: '1! string =""',
    },
  },
  'apiextensions.v1.ServiceReference': {
    fields: {
      namespace: '1! string =""',
      name: '2! string =""',
      path: '3 string ptr',
      port: '4 int32 ptr',
    },
  },
  'apiextensions.v1.ValidationRule': {
    fields: {
      rule: '1! string =""',
      message: '2 string',
      messageExpression: '3 string',
      reason: '4 string ptr',
      fieldPath: '5 string',
      optionalOldSelf: '6 bool ptr',
    },
  },
  'apiextensions.v1.WebhookClientConfig': {
    fields: {
      service: '1 apiextensions.v1.ServiceReference',
      caBundle: '2 bytes',
      url: '3 string ptr',
    },
  },
  'apiextensions.v1.WebhookConversion': {
    fields: {
      clientConfig: '2 apiextensions.v1.WebhookClientConfig',
      conversionReviewVersions: '3! []string list=atomic =[]',
    },
  },
} as const
