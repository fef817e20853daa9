/** Facts of core.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const coreV1 = {
  'core.v1.AWSElasticBlockStoreVolumeSource': {
    fields: {
      volumeID: '1! string =""',
      fsType: '2 string',
      partition: '3 int32',
      readOnly: '4 bool',
    },
  },
  'core.v1.Affinity': {
    fields: {
      nodeAffinity: '1 core.v1.NodeAffinity',
      podAffinity: '2 core.v1.PodAffinity',
      podAntiAffinity: '3 core.v1.PodAntiAffinity',
    },
  },
  'core.v1.AppArmorProfile': {
    fields: {
      type: '1! string =""',
      localhostProfile: '2 string ptr',
    },
  },
  'core.v1.AttachedVolume': {
    fields: {
      name: '1! string =""',
      devicePath: '2! string =""',
    },
  },
  'core.v1.AzureDiskVolumeSource': {
    fields: {
      diskName: '1! string =""',
      diskURI: '2! string =""',
      cachingMode: '3 string ptr ="ReadWrite"',
      fsType: '4 string ptr ="ext4"',
      readOnly: '5 bool ptr =false',
      kind: '6 string ptr ="Shared"',
    },
  },
  'core.v1.AzureFilePersistentVolumeSource': {
    fields: {
      secretName: '1! string =""',
      shareName: '2! string =""',
      readOnly: '3 bool',
      secretNamespace: '4 string ptr null',
    },
  },
  'core.v1.AzureFileVolumeSource': {
    fields: {
      secretName: '1! string =""',
      shareName: '2! string =""',
      readOnly: '3 bool',
    },
  },
  'core.v1.Binding': {
    gvk: { group: '', version: 'v1', kind: 'Binding' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      target: '2! core.v1.ObjectReference ={}',
    },
  },
  'core.v1.CSIPersistentVolumeSource': {
    fields: {
      driver: '1! string =""',
      volumeHandle: '2! string =""',
      readOnly: '3 bool',
      fsType: '4 string',
      volumeAttributes: '5 map<string>',
      controllerPublishSecretRef: '6 core.v1.SecretReference',
      nodeStageSecretRef: '7 core.v1.SecretReference',
      nodePublishSecretRef: '8 core.v1.SecretReference',
      controllerExpandSecretRef: '9 core.v1.SecretReference',
      nodeExpandSecretRef: '10 core.v1.SecretReference',
    },
  },
  'core.v1.CSIVolumeSource': {
    fields: {
      driver: '1! string =""',
      readOnly: '2 bool ptr',
      fsType: '3 string ptr',
      volumeAttributes: '4 map<string>',
      nodePublishSecretRef: '5 core.v1.LocalObjectReference',
    },
  },
  'core.v1.Capabilities': {
    fields: {
      add: '1 []string list=atomic',
      drop: '2 []string list=atomic',
    },
  },
  'core.v1.CephFSPersistentVolumeSource': {
    fields: {
      monitors: '1! []string list=atomic =[]',
      path: '2 string',
      user: '3 string',
      secretFile: '4 string',
      secretRef: '5 core.v1.SecretReference',
      readOnly: '6 bool',
    },
  },
  'core.v1.CephFSVolumeSource': {
    fields: {
      monitors: '1! []string list=atomic =[]',
      path: '2 string',
      user: '3 string',
      secretFile: '4 string',
      secretRef: '5 core.v1.LocalObjectReference',
      readOnly: '6 bool',
    },
  },
  'core.v1.CinderPersistentVolumeSource': {
    fields: {
      volumeID: '1! string =""',
      fsType: '2 string',
      readOnly: '3 bool',
      secretRef: '4 core.v1.SecretReference',
    },
  },
  'core.v1.CinderVolumeSource': {
    fields: {
      volumeID: '1! string =""',
      fsType: '2 string',
      readOnly: '3 bool',
      secretRef: '4 core.v1.LocalObjectReference',
    },
  },
  'core.v1.ClientIPConfig': {
    fields: {
      timeoutSeconds: '1 int32 ptr',
    },
  },
  'core.v1.ClusterTrustBundleProjection': {
    fields: {
      name: '1 string ptr',
      signerName: '2 string ptr',
      labelSelector: '3 meta.v1.LabelSelector',
      optional: '5 bool ptr',
      path: '4! string =""',
    },
  },
  'core.v1.ComponentCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      message: '3 string',
      error: '4 string',
    },
  },
  'core.v1.ComponentStatus': {
    gvk: { group: '', version: 'v1', kind: 'ComponentStatus' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      conditions: '2 []core.v1.ComponentCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'core.v1.ConfigMap': {
    gvk: { group: '', version: 'v1', kind: 'ConfigMap' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      immutable: '4 bool ptr',
      data: '2 map<string>',
      binaryData: '3 map<bytes>',
    },
  },
  'core.v1.ConfigMapEnvSource': {
    fields: {
      name: '1.1 string =""',
      optional: '2 bool ptr',
    },
  },
  'core.v1.ConfigMapKeySelector': {
    atomic: true,
    fields: {
      name: '1.1 string =""',
      key: '2! string =""',
      optional: '3 bool ptr',
    },
  },
  'core.v1.ConfigMapNodeConfigSource': {
    fields: {
      namespace: '1! string =""',
      name: '2! string =""',
      uid: '3 string',
      resourceVersion: '4 string',
      kubeletConfigKey: '5! string =""',
    },
  },
  'core.v1.ConfigMapProjection': {
    fields: {
      name: '1.1 string =""',
      items: '2 []core.v1.KeyToPath list=atomic',
      optional: '4 bool ptr',
    },
  },
  'core.v1.ConfigMapVolumeSource': {
    fields: {
      name: '1.1 string =""',
      items: '2 []core.v1.KeyToPath list=atomic',
      defaultMode: '3 int32 ptr',
      optional: '4 bool ptr',
    },
  },
  'core.v1.Container': {
    fields: {
      name: '1! string =""',
      image: '2 string',
      command: '3 []string list=atomic',
      args: '4 []string list=atomic',
      workingDir: '5 string',
      ports: '6 []core.v1.ContainerPort list=map keys=containerPort,protocol patch=merge mergeKey=containerPort',
      envFrom: '19 []core.v1.EnvFromSource list=atomic',
      env: '7 []core.v1.EnvVar list=map keys=name patch=merge mergeKey=name',
      resources: '8 core.v1.ResourceRequirements ={}',
      resizePolicy: '23 []core.v1.ContainerResizePolicy list=atomic',
      restartPolicy: '24 string ptr',
      restartPolicyRules: '25 []core.v1.ContainerRestartRule list=atomic',
      volumeMounts: '9 []core.v1.VolumeMount list=map keys=mountPath patch=merge mergeKey=mountPath',
      volumeDevices: '21 []core.v1.VolumeDevice list=map keys=devicePath patch=merge mergeKey=devicePath',
      livenessProbe: '10 core.v1.Probe',
      readinessProbe: '11 core.v1.Probe',
      startupProbe: '22 core.v1.Probe',
      lifecycle: '12 core.v1.Lifecycle',
      terminationMessagePath: '13 string',
      terminationMessagePolicy: '20 string',
      imagePullPolicy: '14 string',
      securityContext: '15 core.v1.SecurityContext',
      stdin: '16 bool',
      stdinOnce: '17 bool',
      tty: '18 bool',
    },
  },
  'core.v1.ContainerExtendedResourceRequest': {
    fields: {
      containerName: '1! string =""',
      resourceName: '2! string =""',
      requestName: '3! string =""',
    },
  },
  'core.v1.ContainerImage': {
    fields: {
      names: '1 []string list=atomic null',
      sizeBytes: '2 int64',
    },
  },
  'core.v1.ContainerPort': {
    fields: {
      name: '1 string',
      hostPort: '2 int32',
      containerPort: '3! int32 =0',
      protocol: '4 string ="TCP"',
      hostIP: '5 string',
    },
  },
  'core.v1.ContainerResizePolicy': {
    fields: {
      resourceName: '1! string =""',
      restartPolicy: '2! string =""',
    },
  },
  'core.v1.ContainerRestartRule': {
    fields: {
      action: '1! string',
      exitCodes: '2 core.v1.ContainerRestartRuleOnExitCodes',
    },
  },
  'core.v1.ContainerRestartRuleOnExitCodes': {
    fields: {
      operator: '1! string',
      values: '2 []int32 list=set',
    },
  },
  'core.v1.ContainerState': {
    fields: {
      waiting: '1 core.v1.ContainerStateWaiting',
      running: '2 core.v1.ContainerStateRunning',
      terminated: '3 core.v1.ContainerStateTerminated',
    },
  },
  'core.v1.ContainerStateRunning': {
    fields: {
      startedAt: '1 time null',
    },
  },
  'core.v1.ContainerStateTerminated': {
    fields: {
      exitCode: '1! int32 =0',
      signal: '2 int32',
      reason: '3 string',
      message: '4 string',
      startedAt: '5 time null',
      finishedAt: '6 time null',
      containerID: '7 string',
    },
  },
  'core.v1.ContainerStateWaiting': {
    fields: {
      reason: '1 string',
      message: '2 string',
    },
  },
  'core.v1.ContainerStatus': {
    fields: {
      name: '1! string =""',
      state: '2 core.v1.ContainerState ={}',
      lastState: '3 core.v1.ContainerState ={}',
      ready: '4! bool =false',
      restartCount: '5! int32 =0',
      image: '6! string =""',
      imageID: '7! string =""',
      containerID: '8 string',
      started: '9 bool ptr',
      allocatedResources: '10 map<quantity>',
      resources: '11 core.v1.ResourceRequirements',
      volumeMounts: '12 []core.v1.VolumeMountStatus list=map keys=mountPath patch=merge mergeKey=mountPath',
      user: '13 core.v1.ContainerUser',
      allocatedResourcesStatus: '14 []core.v1.ResourceStatus list=map keys=name patch=merge mergeKey=name',
      stopSignal: '15 string ptr',
    },
  },
  'core.v1.ContainerUser': {
    fields: {
      linux: '1 core.v1.LinuxContainerUser',
    },
  },
  'core.v1.DaemonEndpoint': {
    fields: {
      Port: '1! int32 =0',
    },
  },
  'core.v1.DownwardAPIProjection': {
    fields: {
      items: '1 []core.v1.DownwardAPIVolumeFile list=atomic',
    },
  },
  'core.v1.DownwardAPIVolumeFile': {
    fields: {
      path: '1! string =""',
      fieldRef: '2 core.v1.ObjectFieldSelector',
      resourceFieldRef: '3 core.v1.ResourceFieldSelector',
      mode: '4 int32 ptr',
    },
  },
  'core.v1.DownwardAPIVolumeSource': {
    fields: {
      items: '1 []core.v1.DownwardAPIVolumeFile list=atomic',
      defaultMode: '2 int32 ptr',
    },
  },
  'core.v1.EmptyDirVolumeSource': {
    fields: {
      medium: '1 string',
      sizeLimit: '2 quantity ptr',
    },
  },
  'core.v1.EndpointAddress': {
    atomic: true,
    fields: {
      ip: '1! string =""',
      hostname: '3 string',
      nodeName: '4 string ptr',
      targetRef: '2 core.v1.ObjectReference',
    },
  },
  'core.v1.EndpointPort': {
    atomic: true,
    fields: {
      name: '1 string',
      port: '2! int32 =0',
      protocol: '3 string',
      appProtocol: '4 string ptr',
    },
  },
  'core.v1.EndpointSubset': {
    fields: {
      addresses: '1 []core.v1.EndpointAddress list=atomic',
      notReadyAddresses: '2 []core.v1.EndpointAddress list=atomic',
      ports: '3 []core.v1.EndpointPort list=atomic',
    },
  },
  'core.v1.Endpoints': {
    gvk: { group: '', version: 'v1', kind: 'Endpoints' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      subsets: '2 []core.v1.EndpointSubset list=atomic',
    },
  },
  'core.v1.EnvFromSource': {
    fields: {
      prefix: '1 string',
      configMapRef: '2 core.v1.ConfigMapEnvSource',
      secretRef: '3 core.v1.SecretEnvSource',
    },
  },
  'core.v1.EnvVar': {
    fields: {
      name: '1! string =""',
      value: '2 string',
      valueFrom: '3 core.v1.EnvVarSource',
    },
  },
  'core.v1.EnvVarSource': {
    fields: {
      fieldRef: '1 core.v1.ObjectFieldSelector',
      resourceFieldRef: '2 core.v1.ResourceFieldSelector',
      configMapKeyRef: '3 core.v1.ConfigMapKeySelector',
      secretKeyRef: '4 core.v1.SecretKeySelector',
      fileKeyRef: '5 core.v1.FileKeySelector',
    },
  },
  'core.v1.EphemeralContainer': {
    fields: {
      name: '1.1! string =""',
      image: '1.2 string',
      command: '1.3 []string list=atomic',
      args: '1.4 []string list=atomic',
      workingDir: '1.5 string',
      ports: '1.6 []core.v1.ContainerPort list=map keys=containerPort,protocol patch=merge mergeKey=containerPort',
      envFrom: '1.19 []core.v1.EnvFromSource list=atomic',
      env: '1.7 []core.v1.EnvVar list=map keys=name patch=merge mergeKey=name',
      resources: '1.8 core.v1.ResourceRequirements ={}',
      resizePolicy: '1.23 []core.v1.ContainerResizePolicy list=atomic',
      restartPolicy: '1.24 string',
      restartPolicyRules: '1.25 []core.v1.ContainerRestartRule list=atomic',
      volumeMounts: '1.9 []core.v1.VolumeMount list=map keys=mountPath patch=merge mergeKey=mountPath',
      volumeDevices: '1.21 []core.v1.VolumeDevice list=map keys=devicePath patch=merge mergeKey=devicePath',
      livenessProbe: '1.10 core.v1.Probe',
      readinessProbe: '1.11 core.v1.Probe',
      startupProbe: '1.22 core.v1.Probe',
      lifecycle: '1.12 core.v1.Lifecycle',
      terminationMessagePath: '1.13 string',
      terminationMessagePolicy: '1.20 string',
      imagePullPolicy: '1.14 string',
      securityContext: '1.15 core.v1.SecurityContext',
      stdin: '1.16 bool',
      stdinOnce: '1.17 bool',
      tty: '1.18 bool',
      targetContainerName: '2 string',
    },
  },
  'core.v1.EphemeralVolumeSource': {
    fields: {
      volumeClaimTemplate: '1 core.v1.PersistentVolumeClaimTemplate',
    },
  },
  'core.v1.Event': {
    gvk: { group: '', version: 'v1', kind: 'Event' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1! meta.v1.ObjectMeta ={}',
      involvedObject: '2! core.v1.ObjectReference ={}',
      reason: '3 string',
      message: '4 string',
      source: '5 core.v1.EventSource ={}',
      firstTimestamp: '6 time null',
      lastTimestamp: '7 time null',
      count: '8 int32',
      type: '9 string',
      eventTime: '10 microTime null',
      series: '11 core.v1.EventSeries',
      action: '12 string',
      related: '13 core.v1.ObjectReference',
      reportingComponent: '14 string =""',
      reportingInstance: '15 string =""',
    },
  },
  'core.v1.EventSeries': {
    fields: {
      count: '1 int32',
      lastObservedTime: '2 microTime null',
    },
  },
  'core.v1.EventSource': {
    fields: {
      component: '1 string',
      host: '2 string',
    },
  },
  'core.v1.ExecAction': {
    fields: {
      command: '1 []string list=atomic',
    },
  },
  'core.v1.FCVolumeSource': {
    fields: {
      targetWWNs: '1 []string list=atomic',
      lun: '2 int32 ptr',
      fsType: '3 string',
      readOnly: '4 bool',
      wwids: '5 []string list=atomic',
    },
  },
  'core.v1.FileKeySelector': {
    atomic: true,
    fields: {
      volumeName: '1! string =""',
      path: '2! string =""',
      key: '3! string =""',
      optional: '4 bool ptr =false',
    },
  },
  'core.v1.FlexPersistentVolumeSource': {
    fields: {
      driver: '1! string =""',
      fsType: '2 string',
      secretRef: '3 core.v1.SecretReference',
      readOnly: '4 bool',
      options: '5 map<string>',
    },
  },
  'core.v1.FlexVolumeSource': {
    fields: {
      driver: '1! string =""',
      fsType: '2 string',
      secretRef: '3 core.v1.LocalObjectReference',
      readOnly: '4 bool',
      options: '5 map<string>',
    },
  },
  'core.v1.FlockerVolumeSource': {
    fields: {
      datasetName: '1 string',
      datasetUUID: '2 string',
    },
  },
  'core.v1.GCEPersistentDiskVolumeSource': {
    fields: {
      pdName: '1! string =""',
      fsType: '2 string',
      partition: '3 int32',
      readOnly: '4 bool',
    },
  },
  'core.v1.GRPCAction': {
    fields: {
      port: '1! int32 =0',
      service: '2 string ptr =""',
    },
  },
  'core.v1.GitRepoVolumeSource': {
    fields: {
      repository: '1! string =""',
      revision: '2 string',
      directory: '3 string',
    },
  },
  'core.v1.GlusterfsPersistentVolumeSource': {
    fields: {
      endpoints: '1! string =""',
      path: '2! string =""',
      readOnly: '3 bool',
      endpointsNamespace: '4 string ptr',
    },
  },
  'core.v1.GlusterfsVolumeSource': {
    fields: {
      endpoints: '1! string =""',
      path: '2! string =""',
      readOnly: '3 bool',
    },
  },
  'core.v1.HTTPGetAction': {
    fields: {
      path: '1 string',
      port: '2! intOrString',
      host: '3 string',
      scheme: '4 string',
      httpHeaders: '5 []core.v1.HTTPHeader list=atomic',
    },
  },
  'core.v1.HTTPHeader': {
    fields: {
      name: '1! string =""',
      value: '2! string =""',
    },
  },
  'core.v1.HostAlias': {
    fields: {
      ip: '1! string =""',
      hostnames: '2 []string list=atomic',
    },
  },
  'core.v1.HostIP': {
    fields: {
      ip: '1! string =""',
    },
  },
  'core.v1.HostPathVolumeSource': {
    fields: {
      path: '1! string =""',
      type: '2 string ptr',
    },
  },
  'core.v1.ISCSIPersistentVolumeSource': {
    fields: {
      targetPortal: '1! string =""',
      iqn: '2! string =""',
      lun: '3! int32 =0',
      iscsiInterface: '4 string ="default"',
      fsType: '5 string',
      readOnly: '6 bool',
      portals: '7 []string list=atomic',
      chapAuthDiscovery: '8 bool',
      chapAuthSession: '11 bool',
      secretRef: '10 core.v1.SecretReference',
      initiatorName: '12 string ptr',
    },
  },
  'core.v1.ISCSIVolumeSource': {
    fields: {
      targetPortal: '1! string =""',
      iqn: '2! string =""',
      lun: '3! int32 =0',
      iscsiInterface: '4 string ="default"',
      fsType: '5 string',
      readOnly: '6 bool',
      portals: '7 []string list=atomic',
      chapAuthDiscovery: '8 bool',
      chapAuthSession: '11 bool',
      secretRef: '10 core.v1.LocalObjectReference',
      initiatorName: '12 string ptr',
    },
  },
  'core.v1.ImageVolumeSource': {
    fields: {
      reference: '1 string',
      pullPolicy: '2 string',
    },
  },
  'core.v1.ImageVolumeStatus': {
    fields: {
      imageRef: '1! string',
    },
  },
  'core.v1.KeyToPath': {
    fields: {
      key: '1! string =""',
      path: '2! string =""',
      mode: '3 int32 ptr',
    },
  },
  'core.v1.Lifecycle': {
    fields: {
      postStart: '1 core.v1.LifecycleHandler',
      preStop: '2 core.v1.LifecycleHandler',
      stopSignal: '3 string ptr',
    },
  },
  'core.v1.LifecycleHandler': {
    fields: {
      exec: '1 core.v1.ExecAction',
      httpGet: '2 core.v1.HTTPGetAction',
      tcpSocket: '3 core.v1.TCPSocketAction',
      sleep: '4 core.v1.SleepAction',
    },
  },
  'core.v1.LimitRange': {
    gvk: { group: '', version: 'v1', kind: 'LimitRange' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.LimitRangeSpec ={}',
    },
  },
  'core.v1.LimitRangeItem': {
    fields: {
      type: '1! string =""',
      max: '2 map<quantity>',
      min: '3 map<quantity>',
      default: '4 map<quantity>',
      defaultRequest: '5 map<quantity>',
      maxLimitRequestRatio: '6 map<quantity>',
    },
  },
  'core.v1.LimitRangeSpec': {
    fields: {
      limits: '1! []core.v1.LimitRangeItem list=atomic null',
    },
  },
  'core.v1.LinuxContainerUser': {
    fields: {
      uid: '1! int64 =0',
      gid: '2! int64 =0',
      supplementalGroups: '3 []int64 list=atomic',
    },
  },
  'core.v1.LoadBalancerIngress': {
    fields: {
      ip: '1 string',
      hostname: '2 string',
      ipMode: '3 string ptr',
      ports: '4 []core.v1.PortStatus list=atomic',
    },
  },
  'core.v1.LoadBalancerStatus': {
    fields: {
      ingress: '1 []core.v1.LoadBalancerIngress list=atomic',
    },
  },
  'core.v1.LocalObjectReference': {
    atomic: true,
    fields: {
      name: '1 string =""',
    },
  },
  'core.v1.LocalVolumeSource': {
    fields: {
      path: '1! string =""',
      fsType: '2 string ptr',
    },
  },
  'core.v1.ModifyVolumeStatus': {
    fields: {
      targetVolumeAttributesClassName: '1 string',
      status: '2! string =""',
    },
  },
  'core.v1.NFSVolumeSource': {
    fields: {
      server: '1! string =""',
      path: '2! string =""',
      readOnly: '3 bool',
    },
  },
  'core.v1.Namespace': {
    gvk: { group: '', version: 'v1', kind: 'Namespace' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.NamespaceSpec ={}',
      status: '3 core.v1.NamespaceStatus ={}',
    },
  },
  'core.v1.NamespaceCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '4 time null',
      reason: '5 string',
      message: '6 string',
    },
  },
  'core.v1.NamespaceSpec': {
    fields: {
      finalizers: '1 []string list=atomic',
    },
  },
  'core.v1.NamespaceStatus': {
    fields: {
      phase: '1 string',
      conditions: '2 []core.v1.NamespaceCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'core.v1.Node': {
    gvk: { group: '', version: 'v1', kind: 'Node' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.NodeSpec ={}',
      status: '3 core.v1.NodeStatus ={}',
    },
  },
  'core.v1.NodeAddress': {
    fields: {
      type: '1! string =""',
      address: '2! string =""',
    },
  },
  'core.v1.NodeAffinity': {
    fields: {
      requiredDuringSchedulingIgnoredDuringExecution: '1 core.v1.NodeSelector',
      preferredDuringSchedulingIgnoredDuringExecution: '2 []core.v1.PreferredSchedulingTerm list=atomic',
    },
  },
  'core.v1.NodeAllocatableResourceClaimStatus': {
    fields: {
      resourceClaimName: '1! string =""',
      containers: '2 []string list=set',
      resources: '3! map<quantity>',
    },
  },
  'core.v1.NodeCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastHeartbeatTime: '3 time null',
      lastTransitionTime: '4 time null',
      reason: '5 string',
      message: '6 string',
    },
  },
  'core.v1.NodeConfigSource': {
    fields: {
      configMap: '2 core.v1.ConfigMapNodeConfigSource',
    },
  },
  'core.v1.NodeConfigStatus': {
    fields: {
      assigned: '1 core.v1.NodeConfigSource',
      active: '2 core.v1.NodeConfigSource',
      lastKnownGood: '3 core.v1.NodeConfigSource',
      error: '4 string',
    },
  },
  'core.v1.NodeDaemonEndpoints': {
    fields: {
      kubeletEndpoint: '1 core.v1.DaemonEndpoint ={}',
    },
  },
  'core.v1.NodeFeatures': {
    fields: {
      supplementalGroupsPolicy: '1 bool ptr',
    },
  },
  'core.v1.NodeRuntimeHandler': {
    fields: {
      name: '1 string =""',
      features: '2 core.v1.NodeRuntimeHandlerFeatures',
    },
  },
  'core.v1.NodeRuntimeHandlerFeatures': {
    fields: {
      recursiveReadOnlyMounts: '1 bool ptr',
      userNamespaces: '2 bool ptr',
    },
  },
  'core.v1.NodeSelector': {
    atomic: true,
    fields: {
      nodeSelectorTerms: '1! []core.v1.NodeSelectorTerm list=atomic =[]',
    },
  },
  'core.v1.NodeSelectorRequirement': {
    fields: {
      key: '1! string =""',
      operator: '2! string =""',
      values: '3 []string list=atomic',
    },
  },
  'core.v1.NodeSelectorTerm': {
    atomic: true,
    fields: {
      matchExpressions: '1 []core.v1.NodeSelectorRequirement list=atomic',
      matchFields: '2 []core.v1.NodeSelectorRequirement list=atomic',
    },
  },
  'core.v1.NodeSpec': {
    fields: {
      podCIDR: '1 string',
      podCIDRs: '7 []string list=set patch=merge',
      providerID: '3 string',
      unschedulable: '4 bool',
      taints: '5 []core.v1.Taint list=atomic',
      configSource: '6 core.v1.NodeConfigSource',
      externalID: '2 string',
    },
  },
  'core.v1.NodeStatus': {
    fields: {
      capacity: '1 map<quantity>',
      allocatable: '2 map<quantity>',
      phase: '3 string',
      conditions: '4 []core.v1.NodeCondition list=map keys=type patch=merge mergeKey=type',
      addresses: '5 []core.v1.NodeAddress list=map keys=type patch=merge mergeKey=type',
      daemonEndpoints: '6 core.v1.NodeDaemonEndpoints ={}',
      nodeInfo: '7 core.v1.NodeSystemInfo ={}',
      images: '8 []core.v1.ContainerImage list=atomic',
      volumesInUse: '9 []string list=atomic',
      volumesAttached: '10 []core.v1.AttachedVolume list=atomic',
      config: '11 core.v1.NodeConfigStatus',
      runtimeHandlers: '12 []core.v1.NodeRuntimeHandler list=atomic',
      features: '13 core.v1.NodeFeatures',
      declaredFeatures: '14 []string list=atomic',
    },
  },
  'core.v1.NodeSwapStatus': {
    fields: {
      capacity: '1 int64 ptr',
    },
  },
  'core.v1.NodeSystemInfo': {
    fields: {
      machineID: '1! string =""',
      systemUUID: '2! string =""',
      bootID: '3! string =""',
      kernelVersion: '4! string =""',
      osImage: '5! string =""',
      containerRuntimeVersion: '6! string =""',
      kubeletVersion: '7! string =""',
      kubeProxyVersion: '8! string =""',
      operatingSystem: '9! string =""',
      architecture: '10! string =""',
      swap: '11 core.v1.NodeSwapStatus',
    },
  },
  'core.v1.ObjectFieldSelector': {
    atomic: true,
    fields: {
      apiVersion: '1 string',
      fieldPath: '2! string =""',
    },
  },
  'core.v1.ObjectReference': {
    atomic: true,
    fields: {
      kind: '1 string',
      namespace: '2 string',
      name: '3 string',
      uid: '4 string',
      apiVersion: '5 string',
      resourceVersion: '6 string',
      fieldPath: '7 string',
    },
  },
  'core.v1.PersistentVolume': {
    gvk: { group: '', version: 'v1', kind: 'PersistentVolume' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.PersistentVolumeSpec ={}',
      status: '3 core.v1.PersistentVolumeStatus ={}',
    },
  },
  'core.v1.PersistentVolumeClaim': {
    gvk: { group: '', version: 'v1', kind: 'PersistentVolumeClaim' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.PersistentVolumeClaimSpec ={}',
      status: '3 core.v1.PersistentVolumeClaimStatus ={}',
    },
  },
  'core.v1.PersistentVolumeClaimCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastProbeTime: '3 time null',
      lastTransitionTime: '4 time null',
      reason: '5 string',
      message: '6 string',
    },
  },
  'core.v1.PersistentVolumeClaimSpec': {
    fields: {
      accessModes: '1 []string list=atomic',
      selector: '4 meta.v1.LabelSelector',
      resources: '2 core.v1.VolumeResourceRequirements ={}',
      volumeName: '3 string',
      storageClassName: '5 string ptr',
      volumeMode: '6 string ptr',
      dataSource: '7 core.v1.TypedLocalObjectReference',
      dataSourceRef: '8 core.v1.TypedObjectReference',
      volumeAttributesClassName: '9 string ptr',
    },
  },
  'core.v1.PersistentVolumeClaimStatus': {
    fields: {
      phase: '1 string',
      accessModes: '2 []string list=atomic',
      capacity: '3 map<quantity>',
      conditions: '4 []core.v1.PersistentVolumeClaimCondition list=map keys=type patch=merge mergeKey=type',
      allocatedResources: '5 map<quantity>',
      allocatedResourceStatuses: '7 map<string> map=granular',
      currentVolumeAttributesClassName: '8 string ptr',
      modifyVolumeStatus: '9 core.v1.ModifyVolumeStatus',
    },
  },
  'core.v1.PersistentVolumeClaimTemplate': {
    fields: {
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! core.v1.PersistentVolumeClaimSpec ={}',
    },
  },
  'core.v1.PersistentVolumeClaimVolumeSource': {
    fields: {
      claimName: '1! string =""',
      readOnly: '2 bool',
    },
  },
  'core.v1.PersistentVolumeSpec': {
    fields: {
      capacity: '1 map<quantity>',
      gcePersistentDisk: '2.1 core.v1.GCEPersistentDiskVolumeSource',
      awsElasticBlockStore: '2.2 core.v1.AWSElasticBlockStoreVolumeSource',
      hostPath: '2.3 core.v1.HostPathVolumeSource',
      glusterfs: '2.4 core.v1.GlusterfsPersistentVolumeSource',
      nfs: '2.5 core.v1.NFSVolumeSource',
      rbd: '2.6 core.v1.RBDPersistentVolumeSource',
      iscsi: '2.7 core.v1.ISCSIPersistentVolumeSource',
      cinder: '2.8 core.v1.CinderPersistentVolumeSource',
      cephfs: '2.9 core.v1.CephFSPersistentVolumeSource',
      fc: '2.10 core.v1.FCVolumeSource',
      flocker: '2.11 core.v1.FlockerVolumeSource',
      flexVolume: '2.12 core.v1.FlexPersistentVolumeSource',
      azureFile: '2.13 core.v1.AzureFilePersistentVolumeSource',
      vsphereVolume: '2.14 core.v1.VsphereVirtualDiskVolumeSource',
      quobyte: '2.15 core.v1.QuobyteVolumeSource',
      azureDisk: '2.16 core.v1.AzureDiskVolumeSource',
      photonPersistentDisk: '2.17 core.v1.PhotonPersistentDiskVolumeSource',
      portworxVolume: '2.18 core.v1.PortworxVolumeSource',
      scaleIO: '2.19 core.v1.ScaleIOPersistentVolumeSource',
      local: '2.20 core.v1.LocalVolumeSource',
      storageos: '2.21 core.v1.StorageOSPersistentVolumeSource',
      csi: '2.22 core.v1.CSIPersistentVolumeSource',
      accessModes: '3 []string list=atomic',
      claimRef: '4 core.v1.ObjectReference map=granular',
      persistentVolumeReclaimPolicy: '5 string',
      storageClassName: '6 string',
      mountOptions: '7 []string list=atomic',
      volumeMode: '8 string ptr',
      nodeAffinity: '9 core.v1.VolumeNodeAffinity',
      volumeAttributesClassName: '10 string ptr',
    },
  },
  'core.v1.PersistentVolumeStatus': {
    fields: {
      phase: '1 string',
      message: '2 string',
      reason: '3 string',
      lastPhaseTransitionTime: '4 time ptr',
    },
  },
  'core.v1.PhotonPersistentDiskVolumeSource': {
    fields: {
      pdID: '1! string =""',
      fsType: '2 string',
    },
  },
  'core.v1.Pod': {
    gvk: { group: '', version: 'v1', kind: 'Pod' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.PodSpec ={}',
      status: '3 core.v1.PodStatus ={}',
    },
  },
  'core.v1.PodAffinity': {
    fields: {
      requiredDuringSchedulingIgnoredDuringExecution: '1 []core.v1.PodAffinityTerm list=atomic',
      preferredDuringSchedulingIgnoredDuringExecution: '2 []core.v1.WeightedPodAffinityTerm list=atomic',
    },
  },
  'core.v1.PodAffinityTerm': {
    fields: {
      labelSelector: '1 meta.v1.LabelSelector',
      namespaces: '2 []string list=atomic',
      topologyKey: '3! string =""',
      namespaceSelector: '4 meta.v1.LabelSelector',
      matchLabelKeys: '5 []string list=atomic',
      mismatchLabelKeys: '6 []string list=atomic',
    },
  },
  'core.v1.PodAntiAffinity': {
    fields: {
      requiredDuringSchedulingIgnoredDuringExecution: '1 []core.v1.PodAffinityTerm list=atomic',
      preferredDuringSchedulingIgnoredDuringExecution: '2 []core.v1.WeightedPodAffinityTerm list=atomic',
    },
  },
  'core.v1.PodCertificateProjection': {
    fields: {
      signerName: '1! string',
      keyType: '2! string',
      maxExpirationSeconds: '3 int32 ptr',
      credentialBundlePath: '4 string',
      keyPath: '5 string',
      certificateChainPath: '6 string',
      userAnnotations: '7 map<string>',
    },
  },
  'core.v1.PodCondition': {
    fields: {
      type: '1! string =""',
      observedGeneration: '7 int64',
      status: '2! string =""',
      lastProbeTime: '3 time null',
      lastTransitionTime: '4 time null',
      reason: '5 string',
      message: '6 string',
    },
  },
  'core.v1.PodDNSConfig': {
    fields: {
      nameservers: '1 []string list=atomic',
      searches: '2 []string list=atomic',
      options: '3 []core.v1.PodDNSConfigOption list=atomic',
    },
  },
  'core.v1.PodDNSConfigOption': {
    fields: {
      name: '1 string',
      value: '2 string ptr',
    },
  },
  'core.v1.PodExtendedResourceClaimStatus': {
    fields: {
      requestMappings: '1! []core.v1.ContainerExtendedResourceRequest list=atomic null',
      resourceClaimName: '2! string =""',
    },
  },
  'core.v1.PodIP': {
    fields: {
      ip: '1! string =""',
    },
  },
  'core.v1.PodOS': {
    fields: {
      name: '1! string =""',
    },
  },
  'core.v1.PodReadinessGate': {
    fields: {
      conditionType: '1! string =""',
    },
  },
  'core.v1.PodResourceClaim': {
    fields: {
      name: '1! string =""',
      resourceClaimName: '3 string ptr',
      resourceClaimTemplateName: '4 string ptr',
    },
  },
  'core.v1.PodResourceClaimStatus': {
    fields: {
      name: '1! string =""',
      resourceClaimName: '2 string ptr',
    },
  },
  'core.v1.PodSchedulingGate': {
    fields: {
      name: '1! string =""',
    },
  },
  'core.v1.PodSchedulingGroup': {
    fields: {
      podGroupName: '1 string ptr',
    },
  },
  'core.v1.PodSecurityContext': {
    fields: {
      seLinuxOptions: '1 core.v1.SELinuxOptions',
      windowsOptions: '8 core.v1.WindowsSecurityContextOptions',
      runAsUser: '2 int64 ptr',
      runAsGroup: '6 int64 ptr',
      runAsNonRoot: '3 bool ptr',
      supplementalGroups: '4 []int64 list=atomic',
      supplementalGroupsPolicy: '12 string ptr',
      fsGroup: '5 int64 ptr',
      sysctls: '7 []core.v1.Sysctl list=atomic',
      fsGroupChangePolicy: '9 string ptr',
      seccompProfile: '10 core.v1.SeccompProfile',
      appArmorProfile: '11 core.v1.AppArmorProfile',
      seLinuxChangePolicy: '13 string ptr',
    },
  },
  'core.v1.PodSpec': {
    fields: {
      volumes: '1 []core.v1.Volume list=map keys=name patch=merge,retainKeys mergeKey=name',
      initContainers: '20 []core.v1.Container list=map keys=name patch=merge mergeKey=name',
      containers: '2! []core.v1.Container list=map keys=name patch=merge mergeKey=name =[]',
      ephemeralContainers: '34 []core.v1.EphemeralContainer list=map keys=name patch=merge mergeKey=name',
      restartPolicy: '3 string',
      terminationGracePeriodSeconds: '4 int64 ptr',
      activeDeadlineSeconds: '5 int64 ptr',
      dnsPolicy: '6 string',
      nodeSelector: '7 map<string> map=atomic',
      serviceAccountName: '8 string',
      serviceAccount: '9 string',
      automountServiceAccountToken: '21 bool ptr',
      nodeName: '10 string',
      hostNetwork: '11 bool',
      hostPID: '12 bool',
      hostIPC: '13 bool',
      shareProcessNamespace: '27 bool ptr',
      securityContext: '14 core.v1.PodSecurityContext',
      imagePullSecrets: '15 []core.v1.LocalObjectReference list=map keys=name patch=merge mergeKey=name',
      hostname: '16 string',
      subdomain: '17 string',
      affinity: '18 core.v1.Affinity',
      schedulerName: '19 string',
      tolerations: '22 []core.v1.Toleration list=atomic',
      hostAliases: '23 []core.v1.HostAlias list=map keys=ip patch=merge mergeKey=ip',
      priorityClassName: '24 string',
      priority: '25 int32 ptr',
      dnsConfig: '26 core.v1.PodDNSConfig',
      readinessGates: '28 []core.v1.PodReadinessGate list=atomic',
      runtimeClassName: '29 string ptr',
      enableServiceLinks: '30 bool ptr',
      preemptionPolicy: '31 string ptr',
      overhead: '32 map<quantity>',
      topologySpreadConstraints: '33 []core.v1.TopologySpreadConstraint list=map keys=topologyKey,whenUnsatisfiable patch=merge mergeKey=topologyKey',
      setHostnameAsFQDN: '35 bool ptr',
      os: '36 core.v1.PodOS',
      hostUsers: '37 bool ptr',
      schedulingGates: '38 []core.v1.PodSchedulingGate list=map keys=name patch=merge mergeKey=name',
      resourceClaims: '39 []core.v1.PodResourceClaim list=map keys=name patch=merge,retainKeys mergeKey=name',
      resources: '40 core.v1.ResourceRequirements',
      hostnameOverride: '41 string ptr',
      schedulingGroup: '43 core.v1.PodSchedulingGroup',
    },
  },
  'core.v1.PodStatus': {
    fields: {
      observedGeneration: '17 int64',
      phase: '1 string',
      conditions: '2 []core.v1.PodCondition list=map keys=type patch=merge mergeKey=type',
      message: '3 string',
      reason: '4 string',
      nominatedNodeName: '11 string',
      hostIP: '5 string',
      hostIPs: '16 []core.v1.HostIP list=atomic patch=merge mergeKey=ip',
      podIP: '6 string',
      podIPs: '12 []core.v1.PodIP list=map keys=ip patch=merge mergeKey=ip',
      startTime: '7 time ptr',
      initContainerStatuses: '10 []core.v1.ContainerStatus list=atomic',
      containerStatuses: '8 []core.v1.ContainerStatus list=atomic',
      qosClass: '9 string',
      ephemeralContainerStatuses: '13 []core.v1.ContainerStatus list=atomic',
      resize: '14 string',
      resourceClaimStatuses: '15 []core.v1.PodResourceClaimStatus list=map keys=name patch=merge,retainKeys mergeKey=name',
      extendedResourceClaimStatus: '18 core.v1.PodExtendedResourceClaimStatus',
      allocatedResources: '19 map<quantity>',
      resources: '20 core.v1.ResourceRequirements',
      nodeAllocatableResourceClaimStatuses: '21 []core.v1.NodeAllocatableResourceClaimStatus list=atomic',
    },
  },
  'core.v1.PodTemplate': {
    gvk: { group: '', version: 'v1', kind: 'PodTemplate' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      template: '2 core.v1.PodTemplateSpec ={}',
    },
  },
  'core.v1.PodTemplateSpec': {
    fields: {
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.PodSpec ={}',
    },
  },
  'core.v1.PortStatus': {
    fields: {
      port: '1! int32 =0',
      protocol: '2! string =""',
      error: '3 string ptr',
    },
  },
  'core.v1.PortworxVolumeSource': {
    fields: {
      volumeID: '1! string =""',
      fsType: '2 string',
      readOnly: '3 bool',
    },
  },
  'core.v1.PreferredSchedulingTerm': {
    fields: {
      weight: '1! int32 =0',
      preference: '2! core.v1.NodeSelectorTerm ={}',
    },
  },
  'core.v1.Probe': {
    fields: {
      exec: '1.1 core.v1.ExecAction',
      httpGet: '1.2 core.v1.HTTPGetAction',
      tcpSocket: '1.3 core.v1.TCPSocketAction',
      grpc: '1.4 core.v1.GRPCAction',
      initialDelaySeconds: '2 int32',
      timeoutSeconds: '3 int32',
      periodSeconds: '4 int32',
      successThreshold: '5 int32',
      failureThreshold: '6 int32',
      terminationGracePeriodSeconds: '7 int64 ptr',
    },
  },
  'core.v1.ProjectedVolumeSource': {
    fields: {
      sources: '1 []core.v1.VolumeProjection list=atomic null',
      defaultMode: '2 int32 ptr',
    },
  },
  'core.v1.QuobyteVolumeSource': {
    fields: {
      registry: '1! string =""',
      volume: '2! string =""',
      readOnly: '3 bool',
      user: '4 string',
      group: '5 string',
      tenant: '6 string',
    },
  },
  'core.v1.RBDPersistentVolumeSource': {
    fields: {
      monitors: '1! []string list=atomic =[]',
      image: '2! string =""',
      fsType: '3 string',
      pool: '4 string ="rbd"',
      user: '5 string ="admin"',
      keyring: '6 string ="/etc/ceph/keyring"',
      secretRef: '7 core.v1.SecretReference',
      readOnly: '8 bool',
    },
  },
  'core.v1.RBDVolumeSource': {
    fields: {
      monitors: '1! []string list=atomic =[]',
      image: '2! string =""',
      fsType: '3 string',
      pool: '4 string ="rbd"',
      user: '5 string ="admin"',
      keyring: '6 string ="/etc/ceph/keyring"',
      secretRef: '7 core.v1.LocalObjectReference',
      readOnly: '8 bool',
    },
  },
  'core.v1.ReplicationController': {
    gvk: { group: '', version: 'v1', kind: 'ReplicationController' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.ReplicationControllerSpec ={}',
      status: '3 core.v1.ReplicationControllerStatus ={}',
    },
  },
  'core.v1.ReplicationControllerCondition': {
    fields: {
      type: '1! string =""',
      status: '2! string =""',
      lastTransitionTime: '3 time null',
      reason: '4 string',
      message: '5 string',
    },
  },
  'core.v1.ReplicationControllerSpec': {
    fields: {
      replicas: '1 int32 ptr =1',
      minReadySeconds: '4 int32 =0',
      selector: '2 map<string> map=atomic',
      template: '3 core.v1.PodTemplateSpec',
    },
  },
  'core.v1.ReplicationControllerStatus': {
    fields: {
      replicas: '1! int32 =0',
      fullyLabeledReplicas: '2 int32',
      readyReplicas: '4 int32',
      availableReplicas: '5 int32',
      observedGeneration: '3 int64',
      conditions: '6 []core.v1.ReplicationControllerCondition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'core.v1.ResourceClaim': {
    fields: {
      name: '1! string =""',
      request: '2 string',
    },
  },
  'core.v1.ResourceFieldSelector': {
    atomic: true,
    fields: {
      containerName: '1 string',
      resource: '2! string =""',
      divisor: '3 quantity',
    },
  },
  'core.v1.ResourceHealth': {
    fields: {
      resourceID: '1! string =""',
      health: '2 string',
      message: '6 string ptr',
    },
  },
  'core.v1.ResourceQuota': {
    gvk: { group: '', version: 'v1', kind: 'ResourceQuota' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.ResourceQuotaSpec ={}',
      status: '3 core.v1.ResourceQuotaStatus ={}',
    },
  },
  'core.v1.ResourceQuotaSpec': {
    fields: {
      hard: '1 map<quantity>',
      scopes: '2 []string list=atomic',
      scopeSelector: '3 core.v1.ScopeSelector',
    },
  },
  'core.v1.ResourceQuotaStatus': {
    fields: {
      hard: '1 map<quantity>',
      used: '2 map<quantity>',
    },
  },
  'core.v1.ResourceRequirements': {
    fields: {
      limits: '1 map<quantity>',
      requests: '2 map<quantity>',
      claims: '3 []core.v1.ResourceClaim list=map keys=name',
    },
  },
  'core.v1.ResourceStatus': {
    fields: {
      name: '1! string =""',
      resources: '2 []core.v1.ResourceHealth list=map keys=resourceID',
    },
  },
  'core.v1.SELinuxOptions': {
    fields: {
      user: '1 string',
      role: '2 string',
      type: '3 string',
      level: '4 string',
    },
  },
  'core.v1.ScaleIOPersistentVolumeSource': {
    fields: {
      gateway: '1! string =""',
      system: '2! string =""',
      secretRef: '3! core.v1.SecretReference',
      sslEnabled: '4 bool',
      protectionDomain: '5 string',
      storagePool: '6 string',
      storageMode: '7 string ="ThinProvisioned"',
      volumeName: '8 string',
      fsType: '9 string ="xfs"',
      readOnly: '10 bool',
    },
  },
  'core.v1.ScaleIOVolumeSource': {
    fields: {
      gateway: '1! string =""',
      system: '2! string =""',
      secretRef: '3! core.v1.LocalObjectReference',
      sslEnabled: '4 bool',
      protectionDomain: '5 string',
      storagePool: '6 string',
      storageMode: '7 string ="ThinProvisioned"',
      volumeName: '8 string',
      fsType: '9 string ="xfs"',
      readOnly: '10 bool',
    },
  },
  'core.v1.ScopeSelector': {
    atomic: true,
    fields: {
      matchExpressions: '1 []core.v1.ScopedResourceSelectorRequirement list=atomic',
    },
  },
  'core.v1.ScopedResourceSelectorRequirement': {
    fields: {
      scopeName: '1! string =""',
      operator: '2! string =""',
      values: '3 []string list=atomic',
    },
  },
  'core.v1.SeccompProfile': {
    fields: {
      type: '1! string =""',
      localhostProfile: '2 string ptr',
    },
  },
  'core.v1.Secret': {
    gvk: { group: '', version: 'v1', kind: 'Secret' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      immutable: '5 bool ptr',
      data: '2 map<bytes>',
      stringData: '4 map<string>',
      type: '3 string',
    },
  },
  'core.v1.SecretEnvSource': {
    fields: {
      name: '1.1 string =""',
      optional: '2 bool ptr',
    },
  },
  'core.v1.SecretKeySelector': {
    atomic: true,
    fields: {
      name: '1.1 string =""',
      key: '2! string =""',
      optional: '3 bool ptr',
    },
  },
  'core.v1.SecretProjection': {
    fields: {
      name: '1.1 string =""',
      items: '2 []core.v1.KeyToPath list=atomic',
      optional: '4 bool ptr',
    },
  },
  'core.v1.SecretReference': {
    atomic: true,
    fields: {
      name: '1 string',
      namespace: '2 string',
    },
  },
  'core.v1.SecretVolumeSource': {
    fields: {
      secretName: '1 string',
      items: '2 []core.v1.KeyToPath list=atomic',
      defaultMode: '3 int32 ptr',
      optional: '4 bool ptr',
    },
  },
  'core.v1.SecurityContext': {
    fields: {
      capabilities: '1 core.v1.Capabilities',
      privileged: '2 bool ptr',
      seLinuxOptions: '3 core.v1.SELinuxOptions',
      windowsOptions: '10 core.v1.WindowsSecurityContextOptions',
      runAsUser: '4 int64 ptr',
      runAsGroup: '8 int64 ptr',
      runAsNonRoot: '5 bool ptr',
      readOnlyRootFilesystem: '6 bool ptr',
      allowPrivilegeEscalation: '7 bool ptr',
      procMount: '9 string ptr',
      seccompProfile: '11 core.v1.SeccompProfile',
      appArmorProfile: '12 core.v1.AppArmorProfile',
    },
  },
  'core.v1.Service': {
    gvk: { group: '', version: 'v1', kind: 'Service' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2 core.v1.ServiceSpec ={}',
      status: '3 core.v1.ServiceStatus ={}',
    },
  },
  'core.v1.ServiceAccount': {
    gvk: { group: '', version: 'v1', kind: 'ServiceAccount' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      secrets: '2 []core.v1.ObjectReference list=map keys=name patch=merge mergeKey=name',
      imagePullSecrets: '3 []core.v1.LocalObjectReference list=atomic',
      automountServiceAccountToken: '4 bool ptr',
    },
  },
  'core.v1.ServiceAccountTokenProjection': {
    fields: {
      audience: '1 string',
      expirationSeconds: '2 int64 ptr',
      path: '3! string =""',
    },
  },
  'core.v1.ServicePort': {
    fields: {
      name: '1 string',
      protocol: '2 string ="TCP"',
      appProtocol: '6 string ptr',
      port: '3! int32 =0',
      targetPort: '4 intOrString',
      nodePort: '5 int32',
    },
  },
  'core.v1.ServiceSpec': {
    fields: {
      ports: '1 []core.v1.ServicePort list=map keys=port,protocol patch=merge mergeKey=port',
      selector: '2 map<string> map=atomic',
      clusterIP: '3 string',
      clusterIPs: '18 []string list=atomic',
      type: '4 string',
      externalIPs: '5 []string list=atomic',
      sessionAffinity: '7 string',
      loadBalancerIP: '8 string',
      loadBalancerSourceRanges: '9 []string list=atomic',
      externalName: '10 string',
      externalTrafficPolicy: '11 string',
      healthCheckNodePort: '12 int32',
      publishNotReadyAddresses: '13 bool',
      sessionAffinityConfig: '14 core.v1.SessionAffinityConfig',
      ipFamilies: '19 []string list=atomic',
      ipFamilyPolicy: '17 string ptr',
      allocateLoadBalancerNodePorts: '20 bool ptr',
      loadBalancerClass: '21 string ptr',
      internalTrafficPolicy: '22 string ptr',
      trafficDistribution: '23 string ptr',
    },
  },
  'core.v1.ServiceStatus': {
    fields: {
      loadBalancer: '1 core.v1.LoadBalancerStatus ={}',
      conditions: '2 []meta.v1.Condition list=map keys=type patch=merge mergeKey=type',
    },
  },
  'core.v1.SessionAffinityConfig': {
    fields: {
      clientIP: '1 core.v1.ClientIPConfig',
    },
  },
  'core.v1.SleepAction': {
    fields: {
      seconds: '1! int64 =0',
    },
  },
  'core.v1.StorageOSPersistentVolumeSource': {
    fields: {
      volumeName: '1 string',
      volumeNamespace: '2 string',
      fsType: '3 string',
      readOnly: '4 bool',
      secretRef: '5 core.v1.ObjectReference',
    },
  },
  'core.v1.StorageOSVolumeSource': {
    fields: {
      volumeName: '1 string',
      volumeNamespace: '2 string',
      fsType: '3 string',
      readOnly: '4 bool',
      secretRef: '5 core.v1.LocalObjectReference',
    },
  },
  'core.v1.Sysctl': {
    fields: {
      name: '1! string =""',
      value: '2! string =""',
    },
  },
  'core.v1.TCPSocketAction': {
    fields: {
      port: '1! intOrString',
      host: '2 string',
    },
  },
  'core.v1.Taint': {
    fields: {
      key: '1! string =""',
      value: '2 string',
      effect: '3! string =""',
      timeAdded: '4 time ptr',
    },
  },
  'core.v1.Toleration': {
    fields: {
      key: '1 string',
      operator: '2 string',
      value: '3 string',
      effect: '4 string',
      tolerationSeconds: '5 int64 ptr',
    },
  },
  'core.v1.TopologySelectorLabelRequirement': {
    fields: {
      key: '1! string =""',
      values: '2! []string list=atomic =[]',
    },
  },
  'core.v1.TopologySelectorTerm': {
    atomic: true,
    fields: {
      matchLabelExpressions: '1 []core.v1.TopologySelectorLabelRequirement list=atomic',
    },
  },
  'core.v1.TopologySpreadConstraint': {
    fields: {
      maxSkew: '1! int32 =0',
      topologyKey: '2! string =""',
      whenUnsatisfiable: '3! string =""',
      labelSelector: '4 meta.v1.LabelSelector',
      minDomains: '5 int32 ptr',
      nodeAffinityPolicy: '6 string ptr',
      nodeTaintsPolicy: '7 string ptr',
      matchLabelKeys: '8 []string list=atomic',
    },
  },
  'core.v1.TypedLocalObjectReference': {
    atomic: true,
    fields: {
      apiGroup: '1 string ptr null',
      kind: '2! string =""',
      name: '3! string =""',
    },
  },
  'core.v1.TypedObjectReference': {
    fields: {
      apiGroup: '1 string ptr null',
      kind: '2! string =""',
      name: '3! string =""',
      namespace: '4 string ptr',
    },
  },
  'core.v1.Volume': {
    fields: {
      name: '1! string =""',
      hostPath: '2.1 core.v1.HostPathVolumeSource',
      emptyDir: '2.2 core.v1.EmptyDirVolumeSource',
      gcePersistentDisk: '2.3 core.v1.GCEPersistentDiskVolumeSource',
      awsElasticBlockStore: '2.4 core.v1.AWSElasticBlockStoreVolumeSource',
      gitRepo: '2.5 core.v1.GitRepoVolumeSource',
      secret: '2.6 core.v1.SecretVolumeSource',
      nfs: '2.7 core.v1.NFSVolumeSource',
      iscsi: '2.8 core.v1.ISCSIVolumeSource',
      glusterfs: '2.9 core.v1.GlusterfsVolumeSource',
      persistentVolumeClaim: '2.10 core.v1.PersistentVolumeClaimVolumeSource',
      rbd: '2.11 core.v1.RBDVolumeSource',
      flexVolume: '2.12 core.v1.FlexVolumeSource',
      cinder: '2.13 core.v1.CinderVolumeSource',
      cephfs: '2.14 core.v1.CephFSVolumeSource',
      flocker: '2.15 core.v1.FlockerVolumeSource',
      downwardAPI: '2.16 core.v1.DownwardAPIVolumeSource',
      fc: '2.17 core.v1.FCVolumeSource',
      azureFile: '2.18 core.v1.AzureFileVolumeSource',
      configMap: '2.19 core.v1.ConfigMapVolumeSource',
      vsphereVolume: '2.20 core.v1.VsphereVirtualDiskVolumeSource',
      quobyte: '2.21 core.v1.QuobyteVolumeSource',
      azureDisk: '2.22 core.v1.AzureDiskVolumeSource',
      photonPersistentDisk: '2.23 core.v1.PhotonPersistentDiskVolumeSource',
      projected: '2.26 core.v1.ProjectedVolumeSource',
      portworxVolume: '2.24 core.v1.PortworxVolumeSource',
      scaleIO: '2.25 core.v1.ScaleIOVolumeSource',
      storageos: '2.27 core.v1.StorageOSVolumeSource',
      csi: '2.28 core.v1.CSIVolumeSource',
      ephemeral: '2.29 core.v1.EphemeralVolumeSource',
      image: '2.30 core.v1.ImageVolumeSource',
    },
  },
  'core.v1.VolumeDevice': {
    fields: {
      name: '1! string =""',
      devicePath: '2! string =""',
    },
  },
  'core.v1.VolumeMount': {
    fields: {
      name: '1! string =""',
      readOnly: '2 bool',
      recursiveReadOnly: '7 string ptr',
      mountPath: '3! string =""',
      subPath: '4 string',
      mountPropagation: '5 string ptr',
      subPathExpr: '6 string',
    },
  },
  'core.v1.VolumeMountStatus': {
    fields: {
      name: '1! string =""',
      mountPath: '2! string =""',
      readOnly: '3 bool',
      recursiveReadOnly: '4 string ptr',
      volumeStatus: '5 core.v1.VolumeStatus',
    },
  },
  'core.v1.VolumeNodeAffinity': {
    fields: {
      required: '1 core.v1.NodeSelector',
    },
  },
  'core.v1.VolumeProjection': {
    fields: {
      secret: '1 core.v1.SecretProjection',
      downwardAPI: '2 core.v1.DownwardAPIProjection',
      configMap: '3 core.v1.ConfigMapProjection',
      serviceAccountToken: '4 core.v1.ServiceAccountTokenProjection',
      clusterTrustBundle: '5 core.v1.ClusterTrustBundleProjection',
      podCertificate: '6 core.v1.PodCertificateProjection',
    },
  },
  'core.v1.VolumeResourceRequirements': {
    fields: {
      limits: '1 map<quantity>',
      requests: '2 map<quantity>',
    },
  },
  'core.v1.VolumeStatus': {
    fields: {
      image: '1 core.v1.ImageVolumeStatus',
    },
  },
  'core.v1.VsphereVirtualDiskVolumeSource': {
    fields: {
      volumePath: '1! string =""',
      fsType: '2 string',
      storagePolicyName: '3 string',
      storagePolicyID: '4 string',
    },
  },
  'core.v1.WeightedPodAffinityTerm': {
    fields: {
      weight: '1! int32 =0',
      podAffinityTerm: '2! core.v1.PodAffinityTerm ={}',
    },
  },
  'core.v1.WindowsSecurityContextOptions': {
    fields: {
      gmsaCredentialSpecName: '1 string ptr',
      gmsaCredentialSpec: '2 string ptr',
      runAsUserName: '3 string ptr',
      hostProcess: '4 bool ptr',
    },
  },
} as const
