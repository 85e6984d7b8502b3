package signoz

import (
	"fmt"
	"time"
)

// rulerRule is a five-minute threshold rule as SigNoz's ruler asks for it: a
// builder query with a filter on the resource and one on the span, for each
// service and region, in points of 5 s. The filter on the resource becomes a
// list of fingerprints, made anew by every query.
//
// Where the builder leaves a choice we take the one that costs least. An error
// rate is one query with two aggregations, although a formula A/B is two; the
// expressions for the group keys, which the builder writes twice inside each
// other, stand once.
type rulerRule struct {
	aggregate      string
	resource, like string // which attribute has which value
	jsonOnly       bool   // the store was upgraded long ago: the Map is not looked at
}

const (
	rulerErrorRate = "countIf(has_error = true) AS __result_0, count() AS __result_1"
	rulerP99       = "quantile(0.99)(duration_nano) AS __result_0"

	rulerWindow = 5 * time.Minute
)

// rulerRules are twenty rules: ten for the error rate and ten for p99. The
// limits that tell them apart are not part of the SQL.
func rulerRules(rule func(i int) rulerRule) []rulerRule {
	all := make([]rulerRule, 20)
	for i := range all {
		all[i] = rule(i)
		all[i].aggregate = rulerErrorRate
		if i%2 == 1 {
			all[i].aggregate = rulerP99
		}
	}
	return all
}

// sql gives the query for the window that ends at to.
func (r rulerRule) sql(to time.Time) string {
	from := to.Add(-rulerWindow)
	bucketFrom, bucketTo := from.Unix()-bucketSeconds, to.Unix()
	return fmt.Sprintf(`WITH __resource_filter AS (
    SELECT fingerprint FROM signoz_traces.distributed_traces_v3_resource
    WHERE (simpleJSONExtractString(labels, '%[1]s') = '%[2]s' AND labels LIKE '%%%[1]s%%' AND labels LIKE '%%%[1]s":"%[2]s%%')
      AND seen_at_ts_bucket_start >= %[3]d AND seen_at_ts_bucket_start <= %[4]d
    GROUP BY fingerprint)
SELECT toStartOfInterval(timestamp, INTERVAL 5 SECOND) AS ts,
    toString(%[5]s) AS `+"`service.name`"+`,
    toString(%[6]s) AS `+"`cloud.region`"+`,
    %[7]s
FROM signoz_traces.distributed_signoz_index_v3
WHERE resource_fingerprint GLOBAL IN (SELECT fingerprint FROM __resource_filter) AND kind_string = 'Server'
  AND timestamp >= '%[8]d' AND timestamp < '%[9]d' AND ts_bucket_start >= %[3]d AND ts_bucket_start <= %[4]d
GROUP BY ts, `+"`service.name`, `cloud.region`",
		r.resource, r.like, bucketFrom, bucketTo,
		r.key("service.name", "`resource_string_service$$name_exists` = true, `resource_string_service$$name`"),
		r.key("cloud.region", "mapContains(resources_string, 'cloud.region'), resources_string['cloud.region']"),
		r.aggregate, from.UnixNano(), to.UnixNano())
}

// key is a resource attribute as the builder reads it: out of the JSON, and for
// rows from before it out of the Map or the column derived from that.
func (r rulerRule) key(name, before string) string {
	if r.jsonOnly {
		return "resource.`" + name + "`::String"
	}
	return "multiIf(resource.`" + name + "` IS NOT NULL, resource.`" + name + "`::String, " + before + ", NULL)"
}
