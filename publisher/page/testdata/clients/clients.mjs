// Reads the public page as clients that others wrote do. It is given {targets: [{name, base, feeds, calendar}], pages: [{name, html}]}
// and prints one line of JSON for each thing that a client read: {target, client, what, data} or {target, client, what, error}.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';

const require = createRequire(import.meta.url);
const { Statuspage } = require('statuspage.io');
const RSSParser = require('rss-parser');
const FeedParser = require('feedparser');
const { parseFeed: rowan } = require('@rowanmanning/feed-parser');
const { extractFromXml } = require('@extractus/feed-extractor');
const { parseFeed: feedsmith } = await import('feedsmith');
const ICAL = (await import('ical.js')).default;
const { HtmlValidate, StaticConfigLoader } = require('html-validate');

const { targets, pages } = JSON.parse(readFileSync(0, 'utf8'));

async function tell(target, client, what, read) {
  let line = { target, client, what };
  try {
    line.data = await read();
  } catch (err) {
    line.error = `${err?.message ?? err}`;
  }
  await new Promise((done) => process.stdout.write(JSON.stringify(line) + '\n', done));
}

// What each reader makes of a feed: its title, and of its entries the id, the title, the link, the time and whether there are words.
// A reader that gives no ids gives null.
const entry = (id, title, link, at, words) => ({ id: id ?? null, title, link, at: new Date(at).toISOString(), words: !!words });
const readers = {
  'rss-parser': async (xml) => {
    const f = await new RSSParser().parseString(xml);
    return { title: f.title, entries: f.items.map((i) => entry(i.id ?? i.guid, i.title, i.link, i.isoDate, i.content)) };
  },
  feedparser: (xml) => new Promise((resolve, reject) => {
    const parser = new FeedParser();
    const items = [];
    parser.on('error', reject);
    parser.on('readable', () => { for (let i; (i = parser.read());) items.push(i); });
    parser.on('end', () => resolve({ title: parser.meta?.title, entries: items.map((i) => entry(i.guid, i.title, i.link, i.date, i.description)) }));
    Readable.from([xml]).pipe(parser);
  }),
  '@rowanmanning/feed-parser': async (xml) => {
    const f = rowan(xml);
    return { title: f.title, entries: f.items.map((i) => entry(i.id, i.title, i.url, i.updated ?? i.published, i.content ?? i.description)) };
  },
  '@extractus/feed-extractor': async (xml) => {
    const f = extractFromXml(xml);
    return { title: f.title, entries: (f.entries ?? []).map((i) => entry(null, i.title, i.link, i.published, i.description)) };
  },
  feedsmith: async (xml) => {
    const { format, feed: f } = feedsmith(xml);
    if (format === 'atom') {
      return { title: f.title?.value ?? f.title, entries: (f.entries ?? []).map((i) => entry(i.id, i.title?.value ?? i.title, i.links[0].href, i.updated, i.content?.value ?? i.content)) };
    }
    return { title: f.title, entries: (f.items ?? []).map((i) => entry(i.guid?.value, i.title, i.link, i.pubDate, i.description)) };
  },
};

for (const { name, base, feeds, calendar } of targets) {
  const client = new Statuspage('x');
  client.setApiUrl(base);
  const { api } = client;
  for (const [what, call] of Object.entries({
    getSummary: () => api.getSummary(),
    getStatus: () => api.getStatus(),
    getComponents: () => api.getComponents(),
    'incidents.getAll': () => api.incidents.getAll(),
    'incidents.getUnresolved': () => api.incidents.getUnresolved(),
    'scheduledMaintenances.getAll': () => api.scheduledMaintenances.getAll(),
    'scheduledMaintenances.getUpcoming': () => api.scheduledMaintenances.getUpcoming(),
    'scheduledMaintenances.getActive': () => api.scheduledMaintenances.getActive(),
  })) {
    await tell(name, 'statuspage.io', what, call);
  }
  for (const feed of feeds) {
    const answer = await fetch(`${base}/${feed}`);
    const xml = answer.ok ? await answer.text() : '';
    for (const [reader, read] of Object.entries(readers)) {
      await tell(name, reader, feed, () => read(xml));
    }
  }
  await tell(name, 'ical.js', calendar, async () => {
    const events = new ICAL.Component(ICAL.parse(await (await fetch(`${base}/${calendar}`)).text())).getAllSubcomponents('vevent');
    return events.map((e) => new ICAL.Event(e)).map((e) => ({ id: e.uid, title: e.summary, from: e.startDate.toJSDate().toISOString(), to: e.endDate.toJSDate().toISOString() }));
  });
}

const validator = new HtmlValidate(new StaticConfigLoader({ extends: ['html-validate:standard', 'html-validate:a11y'], root: true }));
for (const { name, html } of pages) {
  await tell('', 'html-validate', name, async () => {
    const report = await validator.validateString(html);
    return report.results.flatMap((r) => r.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`));
  });
}
