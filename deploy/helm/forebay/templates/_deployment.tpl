{{/* The Deployment of a role that goes on. Takes what a pod takes, and `name`. */}}
{{- define "forebay.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "forebay.labels" . | nindent 4 }}
  {{- with .role.deploymentAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if not (include "forebay.isScaled" .role) }}
  replicas: {{ int64 .role.replicas }}
  {{- end }}
  revisionHistoryLimit: {{ int64 .role.revisionHistoryLimit }}
  minReadySeconds: {{ int64 .role.minReadySeconds }}
  progressDeadlineSeconds: {{ int64 .role.progressDeadlineSeconds }}
  strategy:
    {{- toYaml .role.strategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "forebay.selectorLabels" . | nindent 6 }}
  template:
    {{- include "forebay.pod" . | nindent 4 }}
{{- end }}

{{/* The ConfigMap of a role. Takes `root`, `component`, `name`, `config` (YAML), and for hooks `annotations` and `rules` (YAML). */}}
{{- define "forebay.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "forebay.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
data:
  forebay.yaml: |
    {{- include "forebay.config.text" .config | nindent 4 }}
  {{- with .rules }}
  rules.yaml: |
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The PodDisruptionBudget of a role; nothing where there is only one pod, since that would hold up the drain of its node. Takes
     `root`, `component`, `name` and `role`. */}}
{{- define "forebay.podDisruptionBudget" -}}
{{- $budget := .role.podDisruptionBudget | default dict }}
{{- if and $budget.enabled (gt (int64 (include "forebay.leastReplicas" .role)) 1) }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "forebay.labels" . | nindent 4 }}
spec:
  {{- if not (kindIs "invalid" $budget.minAvailable) }}
  minAvailable: {{ $budget.minAvailable }}
  {{- else }}
  maxUnavailable: {{ $budget.maxUnavailable }}
  {{- end }}
  {{- with $budget.unhealthyPodEvictionPolicy }}
  unhealthyPodEvictionPolicy: {{ . }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "forebay.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* The HorizontalPodAutoscaler of a role, if it is enabled. Takes `root`, `component`, `name` and `role`. */}}
{{- define "forebay.autoscaler" -}}
{{- $auto := .role.autoscaling | default dict }}
{{- if $auto.enabled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "forebay.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ .name }}
  minReplicas: {{ int64 $auto.minReplicas }}
  maxReplicas: {{ int64 $auto.maxReplicas }}
  metrics:
    {{- range $resource, $percent := dict "cpu" $auto.targetCPUUtilizationPercentage "memory" $auto.targetMemoryUtilizationPercentage }}
    {{- if $percent }}
    - type: Resource
      resource:
        name: {{ $resource }}
        target:
          type: Utilization
          averageUtilization: {{ int64 $percent }}
    {{- end }}
    {{- end }}
    {{- with $auto.metrics }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $auto.behavior }}
  behavior:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* KEDA's ScaledObject of a worker, if it is enabled: one trigger for each sink, on the lag of its group. Takes `root`, `component`,
     `name` and `role`. */}}
{{- define "forebay.scaledObject" -}}
{{- $keda := .role.keda | default dict }}
{{- if $keda.enabled }}
{{- $prefix := include "forebay.topicPrefix" .root }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "forebay.labels" . | nindent 4 }}
  {{- with $keda.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  scaleTargetRef:
    name: {{ .name }}
  minReplicaCount: {{ int64 $keda.minReplicaCount }}
  maxReplicaCount: {{ int64 $keda.maxReplicaCount }}
  pollingInterval: {{ int64 $keda.pollingInterval }}
  cooldownPeriod: {{ int64 $keda.cooldownPeriod }}
  {{- with $keda.fallback }}
  fallback:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $keda.behavior }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml . | nindent 8 }}
  {{- end }}
  triggers:
    {{- range .role.sinks }}
    - type: kafka
      metadata:
        bootstrapServers: {{ $keda.bootstrapServers | default (include "forebay.brokers" $.root) | quote }}
        consumerGroup: {{ printf "%s.%s" $prefix . }}
        topic: {{ $prefix }}.events
        lagThreshold: {{ int64 $keda.lagThreshold | quote }}
        offsetResetPolicy: earliest
        {{- range $key, $value := $keda.metadata }}
        {{ $key }}: {{ $value | quote }}
        {{- end }}
      {{- with $keda.authenticationRef }}
      authenticationRef:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
    {{- with $keda.triggers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}
