{{/* The Secret of a role's KafkaUser, which the User Operator makes under the name of the user. Takes `root` and `component`. */}}
{{- define "forebay.strimzi.user" -}}
{{- printf "%s-%s" (include "forebay.fullname" .root) .component }}
{{- end }}

{{/* The variables that a role reads from the Secrets that Strimzi makes, as YAML. The test reads nothing of Kafka. Takes `root` and
     `component`. */}}
{{- define "forebay.strimzi.secrets" -}}
{{- $strimzi := .root.Values.strimzi }}
{{- if and $strimzi.enabled $strimzi.users.enabled (ne .component "test") }}
{{- $user := include "forebay.strimzi.user" . }}
{{- $variables := $strimzi.users.variables }}
{{- if eq $strimzi.users.authentication "tls" }}
{{ $variables.certificate }}: {name: {{ $user }}, key: user.crt}
{{ $variables.key }}: {name: {{ $user }}, key: user.key}
{{- else }}
{{ $variables.password }}: {name: {{ $user }}, key: password}
{{- end }}
{{ $variables.ca }}: {name: {{ $strimzi.cluster }}-cluster-ca-cert, key: ca.crt}
{{- end }}
{{- end }}

{{/* The name of a role's user as an environment variable. Takes `root`, `component` and `role`. */}}
{{- define "forebay.strimzi.env" -}}
{{- $strimzi := .root.Values.strimzi }}
{{- if and $strimzi.enabled $strimzi.users.enabled (ne .component "test") }}
- name: {{ $strimzi.users.variables.user }}
  value: {{ include "forebay.strimzi.user" . }}
{{- end }}
{{- end }}

{{/* One right. Takes `type`, `name` and `operations`. */}}
{{- define "forebay.strimzi.acl" -}}
- resource:
    type: {{ .type }}
    name: {{ .name }}
    patternType: literal
  operations: [{{ join ", " .operations }}]
  host: "*"
{{- end }}

{{/* A user with its rights. Takes `root`, `component` and `acls` (YAML). */}}
{{- define "forebay.strimzi.kafkaUser" -}}
{{- $strimzi := .root.Values.strimzi }}
apiVersion: {{ $strimzi.apiVersion }}
kind: KafkaUser
metadata:
  name: {{ include "forebay.strimzi.user" . }}
  namespace: {{ $strimzi.namespace | default .root.Release.Namespace }}
  labels:
    {{- include "forebay.labels" . | nindent 4 }}
    strimzi.io/cluster: {{ $strimzi.cluster }}
  annotations:
    argocd.argoproj.io/sync-wave: "-3"
spec:
  authentication:
    type: {{ $strimzi.users.authentication }}
  authorization:
    type: simple
    acls:
      {{- .acls | nindent 6 }}
{{- end }}
