{{/* The ports of the brokers that the configuration names, and those of the values. Takes the root. */}}
{{- define "forebay.kafkaPorts" -}}
{{- $ports := list }}
{{- range splitList "," (include "forebay.brokers" .) }}
{{- $broker := trim . }}
{{- $port := regexFind ":[0-9]+$" $broker | trimPrefix ":" }}
{{- if $port }}
{{- $ports = append $ports (int64 $port) }}
{{- else if and $broker (not (contains "${" $broker)) }}
{{- $ports = append $ports (int64 9092) }}
{{- end }}
{{- end }}
{{- range .Values.networkPolicy.kafka.ports }}
{{- $ports = append $ports (int64 .) }}
{{- end }}
{{- if not $ports }}
{{- fail "\n\nThe ports of the brokers cannot be read from `config.event_log.kafka.brokers`, which is a variable: give them in `networkPolicy.kafka.ports`.\n" }}
{{- end }}
{{- uniq $ports | toYaml }}
{{- end }}

{{/* One rule of egress. Takes `to` (peers; all if there are none) and `ports`, and `udp` where the ports are UDP's as well. */}}
{{- define "forebay.egress" -}}
{{- $ports := list }}
{{- range .ports }}
{{- $ports = append $ports (dict "port" (int64 .) "protocol" "TCP") }}
{{- if $.udp }}{{ $ports = append $ports (dict "port" (int64 .) "protocol" "UDP") }}{{ end }}
{{- end }}
{{- $rule := dict "ports" $ports }}
{{- if .to }}{{ $_ := set $rule "to" .to }}{{ end }}
{{- list $rule | toYaml }}
{{- end }}

{{- define "forebay.egress.dns" -}}
{{- with .Values.networkPolicy.dns }}
{{- include "forebay.egress" (dict "to" .to "ports" .ports "udp" true) }}
{{- end }}
{{- end }}

{{- define "forebay.egress.kafka" -}}
{{- include "forebay.egress" (dict "to" .Values.networkPolicy.kafka.to "ports" (include "forebay.kafkaPorts" . | fromYamlArray)) }}
{{- end }}

{{- define "forebay.egress.postgres" -}}
{{- with .Values.networkPolicy.postgres }}
{{- include "forebay.egress" (dict "to" .to "ports" .ports) }}
{{- end }}
{{- end }}

{{/* What the sink `http` may reach: the public internet on the ports that its guard allows, the networks that the configuration opens
     on all ports, and what the values name. The ranges are those that the guard refuses; of NAT64, those that hold such an address. */}}
{{- define "forebay.egress.http" -}}
{{- $http := dig "sinks" "http" dict .Values.config }}
{{- $ports := $http.allowed_ports | default (list 80 443 8443) -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          {{- toYaml .Values.networkPolicy.http.except | nindent 10 }}
    - ipBlock:
        cidr: "2000::/3"
        except: ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]
    - ipBlock:
        cidr: "64:ff9b::/96"
        except:
          - "64:ff9b::/104"
          - "64:ff9b::a00:0/104"
          - "64:ff9b::6440:0/106"
          - "64:ff9b::7f00:0/104"
          - "64:ff9b::a83f:8110/128"
          - "64:ff9b::a9fe:0/112"
          - "64:ff9b::ac10:0/108"
          - "64:ff9b::c000:0/120"
          - "64:ff9b::c000:200/120"
          - "64:ff9b::c058:6300/120"
          - "64:ff9b::c0a8:0/112"
          - "64:ff9b::c612:0/111"
          - "64:ff9b::c633:6400/120"
          - "64:ff9b::cb00:7100/120"
          - "64:ff9b::e000:0/99"
  ports:
    {{- range $ports }}
    - port: {{ int64 . }}
      protocol: TCP
    {{- end }}
{{- with $http.allowed_networks }}
- to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
{{- end }}
{{- with .Values.networkPolicy.http.to }}
- to:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- if include "forebay.tests.receiver" . }}
- to:
    - podSelector:
        matchLabels:
          {{- include "forebay.selectorLabels" (dict "root" . "component" "test") | nindent 10 }}
  ports:
    - port: 9000
      protocol: TCP
{{- end }}
{{- end }}

{{/* The NetworkPolicy of a component. Takes `root`, `component`, `name`, `role`, `ingress` and `egress` (YAML of rules), and for hooks
     `annotations`. */}}
{{- define "forebay.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "forebay.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "forebay.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- if or .ingress .role.extraIngress }}
  ingress:
    {{- with .ingress }}
    {{- . | trim | nindent 4 }}
    {{- end }}
    {{- with .role.extraIngress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  egress:
    {{- include "forebay.egress.dns" .root | nindent 4 }}
    {{- .egress | trim | nindent 4 }}
    {{- with .role.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The rule by which metrics are read. Nothing if no one may. */}}
{{- define "forebay.ingress.admin" -}}
{{- with .Values.networkPolicy.monitoring.from -}}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - port: {{ include "forebay.adminPort" $ }}
      protocol: TCP
{{- end }}
{{- end }}

{{/* Whether the store is a PostgreSQL: "true" or nothing. */}}
{{- define "forebay.storesInPostgres" -}}
{{- if dig "postgres" dict (include "forebay.store" . | fromYaml) }}true{{ end }}
{{- end }}

{{/* What a worker with these sinks needs to reach: Kafka, what they write to, and for the sink http the store. Takes `root` and
     `sinks`. */}}
{{- define "forebay.egress.sinks" -}}
{{- $rules := list (include "forebay.egress.kafka" .root) }}
{{- if or (has "postgres" .sinks) (and (has "http" .sinks) (include "forebay.storesInPostgres" .root)) }}
{{- $rules = append $rules (include "forebay.egress.postgres" .root) }}
{{- end }}
{{- if has "http" .sinks }}{{ $rules = append $rules (include "forebay.egress.http" .root) }}{{ end }}
{{- join "\n" $rules }}
{{- end }}
