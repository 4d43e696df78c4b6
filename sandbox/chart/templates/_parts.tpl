{{/* The three labels by which Deployments, Services and policies find their pods. Takes root and component. */}}
{{- define "ariel.selector" -}}
tier: airflow
component: {{ .component }}
release: {{ .root.Release.Name }}
{{- end }}

{{/* Labels of an object. Takes root, component, and extra labels, if any. */}}
{{- define "ariel.labels" -}}
{{ include "ariel.selector" . }}
chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
heritage: {{ .root.Release.Service }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Airflow's image, by digest where one is given. */}}
{{- define "ariel.image" -}}
{{- if .Values.defaultAirflowDigest -}}
{{ .Values.defaultAirflowRepository }}@{{ .Values.defaultAirflowDigest }}
{{- else -}}
{{ .Values.defaultAirflowRepository }}:{{ .Values.defaultAirflowTag }}
{{- end }}
{{- end }}

{{/* Image, pull policy and security context of an Airflow container. */}}
{{- define "ariel.container" -}}
image: {{ include "ariel.image" . }}
imagePullPolicy: IfNotPresent
securityContext: {{- toYaml .Values.securityContexts.containers | nindent 2 }}
{{- end }}

{{/* Variables of every Airflow container. */}}
{{- define "ariel.env" -}}
{{- range .Values.env }}
- name: {{ .name }}
  value: {{ .value | quote }}
{{- end }}
- name: AIRFLOW_HOME
  value: {{ .Values.airflowHome }}
{{- end }}

{{/* Mounts of every Airflow container. */}}
{{- define "ariel.mounts" -}}
- name: config
  mountPath: {{ .Values.airflowHome }}/airflow.cfg
  subPath: airflow.cfg
  readOnly: true
{{ toYaml .Values.volumeMounts }}
{{- end }}

{{/* Volumes of every Airflow pod. */}}
{{- define "ariel.volumes" -}}
- name: config
  configMap:
    name: {{ .Release.Name }}-config
{{ toYaml .Values.volumes }}
{{- end }}

{{/* Annotations of an Airflow pod: a new configuration, or new credentials, start new pods. */}}
{{- define "ariel.podAnnotations" -}}
checksum/airflow-config: {{ include (print .Template.BasePath "/config.yaml") . | sha256sum }}
{{ tpl (toYaml .Values.airflowPodAnnotations) . }}
{{- end }}

{{/* What scheduler and API server say alike of their pods. Takes root, component and its values. */}}
{{- define "ariel.pod" -}}
serviceAccountName: {{ .values.serviceAccount.name }}
enableServiceLinks: {{ .root.Values.enableServiceLinks }}
restartPolicy: Always
securityContext: {{- toYaml .root.Values.securityContexts.pod | nindent 2 }}
imagePullSecrets: {{- toYaml .root.Values.imagePullSecrets | nindent 2 }}
topologySpreadConstraints: {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              component: {{ .component }}
{{- end }}

{{/* The container that waits until the schema is of this version. Takes root, the component's values, and mounts. */}}
{{- define "ariel.waitForMigrations" -}}
- name: wait-for-airflow-migrations
  {{- include "ariel.container" .root | nindent 2 }}
  args: [airflow, db, check-migrations, --migration-wait-timeout={{ .root.Values.images.migrationsWaitTimeout }}]
  resources: {{- toYaml .values.resources | nindent 4 }}
  env: {{- include "ariel.env" .root | nindent 4 }}
  volumeMounts:
    {{- with .mounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "ariel.mounts" .root | nindent 4 }}
    {{- with .values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* A disruption budget. Takes root, component, its values, and extra labels. */}}
{{- define "ariel.disruptionBudget" -}}
{{- if .values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}-pdb
  labels: {{- include "ariel.labels" . | nindent 4 }}
spec:
  selector:
    matchLabels: {{- include "ariel.selector" . | nindent 6 }}
  {{- toYaml .values.podDisruptionBudget.config | nindent 2 }}
{{- end }}
{{- end }}

{{/* A policy that lets in only what it lists. Takes root, component, label (its own component label), extra, rules. */}}
{{- define "ariel.ingressPolicy" -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}-policy
  labels: {{- include "ariel.labels" (dict "root" .root "component" .label "extra" .extra) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "ariel.selector" . | nindent 6 }}
  policyTypes: [Ingress]
  {{- with .rules }}
  ingress: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
