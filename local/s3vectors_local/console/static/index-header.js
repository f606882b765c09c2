// The top of every view of an index: its name, what it is made for, and its other views.
import { addressOf } from './address.js';
import { countOf, formatNumber, make } from './dom.js';
import { fill } from './failure.js';
import { describeIndex, lastCount, textSearches } from './listing.js';
import { showText } from './text.js';

const TABS = [[undefined, 'Overview'], ['browse', 'Browse'], ['query', 'Query'], ['map', 'Map'],
	['transfer', 'Import and export']];

const TEXT_KEY = 'text'; // as most programs call it

/**
 * Add the header to the view; resolves to the index's description, or null when it cannot be read.
 * From then on the view knows which metadata key has the text of a vector.
 */
export async function addHeader(view, heading = null) {
	const { bucket, index } = view.place;
	const facts = make('p', { class: 'summary' }, '…');
	const tabs = TABS.map(([name, text]) => {
		const chosen = (view.place.view === 'index' ? undefined : view.place.view) === name;
		return make('a', { href: addressOf({ bucket, index, view: name }), 'aria-current': chosen ? 'page' : null }, text);
	});
	view.root.append(make('header', { class: 'index-header' },
		make('p', { class: 'crumbs' }, make('a', { href: addressOf({ bucket }) }, showText(bucket)),
			heading && [' / ', make('a', { href: addressOf({ bucket, index }) }, showText(index))]),
		make('h1', {}, heading ?? showText(index)), facts,
			make('nav', { class: 'tabs', 'aria-label': 'Views of this index' }, tabs)));
	let description = null;
	await fill(facts, async () => {
		description = await describeIndex(view.place, view.signal);
		return summarize(description, lastCount(view.place));
	}, { retry: view.reload }); // all of the view depends on it
	view.textKey = view.about.text_key ?? (description && textSearches(description)[0]?.metadataKey) ?? TEXT_KEY;
	return description;
}

function summarize(description, count) {
	const searches = textSearches(description);
	return [
		`${formatNumber(description.dimension)} dimensions`, description.distanceMetric, description.indexMode,
		searches.length && `text search ${searches.every(({ status }) => status === 'ACTIVE') ? 'active' : 'building'}`,
		count !== undefined && countOf(count, 'vector'),
	].filter(Boolean).map((words) => make('span', {}, words));
}
