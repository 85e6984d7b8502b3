package signoz

// serviceColumn is filled by the server, unless the Map is left out that it is
// derived from.
const serviceColumn = "resource_string_service$$name"

// spanColumns is signoz_index_v3 as far as an exporter fills it.
var spanColumns = []tableColumn[SpanRow]{
	{"ts_bucket_start", func(r *SpanRow) any { return r.Bucket }},
	{"resource_fingerprint", func(r *SpanRow) any { return r.Fingerprint }},
	{"timestamp", func(r *SpanRow) any { return r.Start }},
	{"trace_id", func(r *SpanRow) any { return r.TraceID }},
	{"span_id", func(r *SpanRow) any { return r.SpanID }},
	{"trace_state", func(r *SpanRow) any { return r.TraceState }},
	{"parent_span_id", func(r *SpanRow) any { return r.ParentSpanID }},
	{"flags", func(r *SpanRow) any { return r.Flags }},
	{"name", func(r *SpanRow) any { return r.Name }},
	{"kind", func(r *SpanRow) any { return int8(r.Kind) }},
	{"kind_string", func(r *SpanRow) any { return r.Kind.String() }},
	{"duration_nano", func(r *SpanRow) any { return r.DurationNano }},
	{"status_code", func(r *SpanRow) any { return int16(r.Status) }},
	{"status_message", func(r *SpanRow) any { return r.StatusMessage }},
	{"status_code_string", func(r *SpanRow) any { return r.Status.String() }},
	{"has_error", func(r *SpanRow) any { return r.HasError }},
	{"attributes_string", func(r *SpanRow) any { return &r.Strings }},
	{"attributes_number", func(r *SpanRow) any { return &r.Numbers }},
	{"attributes_bool", func(r *SpanRow) any { return &r.Bools }},
	{"attributes", func(r *SpanRow) any { return r.Attributes }},
	{"resources_string", func(r *SpanRow) any { return &r.Resources }},
	{"resource", func(r *SpanRow) any { return r.ResourceJSON }},
	{"scope", func(r *SpanRow) any { return r.ScopeJSON }},
	{"events", func(r *SpanRow) any { return r.Events }},
	{"links", func(r *SpanRow) any { return r.Links }},
	{"response_status_code", func(r *SpanRow) any { return r.ResponseStatusCode }},
	{"external_http_url", func(r *SpanRow) any { return r.ExternalHTTPURL }},
	{"external_http_method", func(r *SpanRow) any { return r.ExternalHTTPMethod }},
	{"http_url", func(r *SpanRow) any { return r.HTTPURL }},
	{"http_method", func(r *SpanRow) any { return r.HTTPMethod }},
	{"http_host", func(r *SpanRow) any { return r.HTTPHost }},
	{"db_name", func(r *SpanRow) any { return r.DBName }},
	{"db_operation", func(r *SpanRow) any { return r.DBOperation }},
	{"is_remote", func(r *SpanRow) any { return r.IsRemote }},
	{"inserted_at", func(r *SpanRow) any { return r.InsertedAt }},
	{serviceColumn, func(r *SpanRow) any { return r.Service() }},
}

var resourceColumns = []tableColumn[ResourceRow]{
	{"labels", func(r *ResourceRow) any { return r.Labels }},
	{"fingerprint", func(r *ResourceRow) any { return r.Fingerprint }},
	{"seen_at_ts_bucket_start", func(r *ResourceRow) any { return r.Seen }},
}

var exceptionColumns = []tableColumn[ExceptionRow]{
	{"timestamp", func(r *ExceptionRow) any { return r.Time }},
	{"errorID", func(r *ExceptionRow) any { return r.ErrorID }},
	{"groupID", func(r *ExceptionRow) any { return r.GroupID }},
	{"traceID", func(r *ExceptionRow) any { return r.TraceID }},
	{"spanID", func(r *ExceptionRow) any { return r.SpanID }},
	{"serviceName", func(r *ExceptionRow) any { return r.Service }},
	{"exceptionType", func(r *ExceptionRow) any { return r.Type }},
	{"exceptionMessage", func(r *ExceptionRow) any { return r.Message }},
	{"exceptionStacktrace", func(r *ExceptionRow) any { return r.Stacktrace }},
	{"exceptionEscaped", func(r *ExceptionRow) any { return r.Escaped }},
	{"resourceTagsMap", func(r *ExceptionRow) any { return &r.Resources }},
}
