{{/* A pod, as the metadata and spec of a template. Takes

       root, component, kind (ingest, worker, migrate, test), role (the role's values), config (YAML),
       configMap (its name), rulesMap (the name of that with the rules, or nothing), args (of the program),
       ports (a map of names to numbers), hook (whether it runs before the release's own objects are there). */}}
{{- define "forebay.pod" -}}
{{- $root := .root }}
{{- $role := .role }}
{{- $runs := has .kind (list "ingest" "worker") }}
{{- $secrets := include "forebay.secrets.used" . -}}
metadata:
  labels:
    {{- include "forebay.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/part-of: forebay
    {{- if $runs }}
    forebay/admin-port: "true"
    {{- end }}
    {{- with $role.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- /* What was read at the start is not read again: a change has to replace the pod. */}}
    checksum/config: {{ include "forebay.config.text" .config | sha256sum }}
    {{- if .rulesMap }}
    checksum/rules: {{ include "forebay.rules" $root | sha256sum }}
    {{- end }}
    {{- with $role.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ if and .hook $root.Values.serviceAccount.create }}default{{ else }}{{ include "forebay.serviceAccountName" $root }}{{ end }}
  automountServiceAccountToken: false
  {{- /* Variables of other Services would be taken for ours, which begin with FOREBAY_ as well. */}}
  enableServiceLinks: false
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $role.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $runs }}
  terminationGracePeriodSeconds: {{ include "forebay.gracePeriod" . }}
  {{- else }}
  restartPolicy: Never
  {{- end }}
  {{- if or (eq .kind "migrate") $role.initContainers }}
  initContainers:
    {{- with $role.initContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if eq .kind "migrate" }}
    - name: check
      {{- $args := list "check" }}
      {{- if $role.denyWarnings }}{{ $args = append $args "--deny-warnings" }}{{ end }}
      {{- include "forebay.container" (merge (dict "args" $args "secrets" $secrets) .) | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: forebay
      {{- include "forebay.container" (merge (dict "secrets" $secrets) .) | nindent 6 }}
      {{- with .ports }}
      ports:
        {{- range $name, $port := . }}
        - name: {{ $name }}
          containerPort: {{ $port }}
          protocol: TCP
        {{- end }}
      {{- end }}
      {{- if $runs }}
      {{- range $probe, $settings := $role.probes }}
      {{- if $settings }}
      {{ $probe }}Probe:
        {{- if not (or $settings.httpGet $settings.exec $settings.tcpSocket $settings.grpc) }}
        {{- include "forebay.probe" (dict "root" $root "kind" $.kind "probe" $probe) | nindent 8 }}
        {{- end }}
        {{- toYaml $settings | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- if and (int64 ($role.preStopSleepSeconds | default 0)) (not $role.lifecycle) (semverCompare ">=1.30.0-0" $root.Capabilities.KubeVersion.Version) }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ int64 $role.preStopSleepSeconds }}
      {{- end }}
      {{- with $role.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
    {{- with $role.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- /* One volume for all: a mount inside of a read-only one cannot be made. */}}
    - name: forebay
      projected:
        defaultMode: 0440
        sources:
          - configMap:
              name: {{ .configMap }}
              items:
                - key: forebay.yaml
                  path: forebay.yaml
          {{- if .rulesMap }}
          - configMap:
              name: {{ .rulesMap }}
              items:
                - key: rules.yaml
                  path: rules/rules.yaml
          {{- end }}
          {{- with include "forebay.secrets.files" $secrets | trim }}
          {{- . | nindent 10 }}
          {{- end }}
    {{- with $role.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $role.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $role.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $role.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and $runs $role.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range $role.topologySpreadConstraints }}
    - {{ toYaml . | nindent 6 | trim }}
      {{- if not .labelSelector }}
      labelSelector:
        matchLabels:
          {{- include "forebay.selectorLabels" $ | nindent 10 }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with $role.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $role.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $role.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $role.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with $role.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* What every container of the program has. Takes what a pod takes, and `secrets`. */}}
{{- define "forebay.container" -}}
image: {{ include "forebay.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args:
  {{- toYaml .args | nindent 2 }}
{{- /* So that `kubectl describe pod` says why it ended. */}}
terminationMessagePolicy: FallbackToLogsOnError
{{- with .role.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
env:
  - name: FOREBAY_CONFIG
    value: /etc/forebay/forebay.yaml
  {{- with include "forebay.secrets.env" .secrets | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "forebay.strimzi.env" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .role.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .role.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .role.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: forebay
    mountPath: /etc/forebay
    readOnly: true
  {{- with .role.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What a probe asks. Takes `root`, `kind` and `probe`. For why it is so see `ingest.probes` and `workerDefaults.probes`. */}}
{{- define "forebay.probe" -}}
{{- $path := "/livez" }}
{{- $port := "admin" }}
{{- if eq .probe "startup" }}
{{- $path = "/readyz" }}
{{- else if and (eq .probe "readiness") (eq .kind "ingest") }}
{{- $health := include "forebay.setting" (dict "root" .root "key" "ingest.health_path" "default" "/healthz") }}
{{- if eq (toString (dig "ingest" "health_path" "/healthz" .root.Values.config)) "" }}
{{- $health = "" }}
{{- end }}
{{- if and $health (ne (include "forebay.setting" (dict "root" .root "key" "ingest.proxy_protocol" "default" "false")) "true") }}
{{- $path = $health }}
{{- $port = "http" }}
{{- end }}
{{- end -}}
httpGet:
  path: {{ $path }}
  port: {{ $port }}
{{- end }}
