package page

import (
	"path"

	"github.com/featuresignals/tocsin/templates"
)

// Names of the files that programs and readers of feeds ask for, relative to the
// top of the page; programs keep them for years, and none ever moves. The feeds
// and badges stand at the top and once more below each component and each region.
const (
	fileSummary     = "api/v2/summary.json"
	fileStatus      = "api/v2/status.json"
	fileComponents  = "api/v2/components.json"
	fileIncidents   = "api/v2/incidents.json"
	fileUnresolved  = "api/v2/incidents/unresolved.json"
	fileWorks       = "api/v2/scheduled-maintenances.json"
	fileUpcoming    = "api/v2/scheduled-maintenances/upcoming.json"
	fileActive      = "api/v2/scheduled-maintenances/active.json"
	fileFacts       = "api/tocsin/v1/status.json"
	fileFeed        = "history.atom"
	fileRSS         = "history.rss"
	fileUpdates     = "updates.atom"
	fileUpdatesRSS  = "updates.rss"
	fileBadge       = "badge.svg"
	fileShield      = "badge.json"
	fileCalendar    = "maintenance.ics"
	fileRobots      = "robots.txt"
	folderComponent = "components"
	folderRegion    = "regions"
	folderIncident  = "incidents"
)

// scope is what feeds and badges are of: the whole page, or one component or
// one region of it.
type scope struct {
	folder            string // "" is the top; "components/api"
	name              string // of what it is; "" for the page
	component, region string // its ID or code; both "" for the page
}

// file gives the name of one of the scope's files.
func (s scope) file(name string) string { return path.Join(s.folder, name) }

// scopes gives the page, then its components, then its regions. What no file may
// be named by has none, as it has no page.
func scopes(p templates.Public) []scope {
	all := []scope{{}}
	seen := map[string]bool{}
	add := func(s scope, key string) {
		name := templates.FileName(key)
		if s.folder = path.Join(s.folder, name); name != "" && !seen[s.folder] {
			all = append(all, s)
		}
		seen[s.folder] = true
	}
	for _, c := range p.Components {
		add(scope{folder: folderComponent, name: nameOf(c), component: c.ID}, c.ID)
	}
	for _, r := range p.Regions {
		add(scope{folder: folderRegion, name: nameOfRegion(r), region: r.Code}, r.Code)
	}
	return all
}

// types gives the type of a file by how its name ends.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".json": "application/json; charset=utf-8",
	".atom": "application/atom+xml; charset=utf-8",
	".rss":  "application/rss+xml; charset=utf-8",
	".svg":  "image/svg+xml; charset=utf-8",
	".ics":  "text/calendar; charset=utf-8",
	".txt":  "text/plain; charset=utf-8",
}

// typeOf gives the type of one of our files, "" if it is none that readers get.
func typeOf(name string) string { return types[path.Ext(name)] }
