// One vector: its metadata with sizes, its numbers, and its neighbors.
import { call } from './api.js';
import { addressOf } from './address.js';
import { formatNumber, formatScore, make, makeButton, makeFacts, makeNote, makeTable } from './dom.js';
import { makePanel } from './bucket.js';
import { chooseColumns } from './columns.js';
import { makeCopyButton, makeCopyMenu } from './copy.js';
import { askToDelete } from './deletion.js';
import { fill } from './failure.js';
import { addCondition } from './filter.js';
import { addHeader } from './index-header.js';
import { LIMITS, countBytes, makeLimits, metadataSize } from './limits.js';
import { nonFilterableKeys } from './listing.js';
import { findExtremes } from './numbers.js';
import { findNeighbors } from './progress.js';
import { nameType, readValue, showLongText, showText, showValue } from './text.js';
import { makeJson, makeVectorTable } from './vector-table.js';

const NEIGHBORS = 10;
const NUMBERS = 8;

export async function showVector(view) {
	const { key } = view.place;
	const header = addHeader(view, make('span', { class: 'mono' }, showText(key)));
	const body = make('div', { class: 'view' });
	view.root.append(body);
	const description = await header;
	await fill(body, async () => {
		const { vectors } = await call('GetVectors', makeRequest(view.place), view.signal);
		if (vectors.length === 0) return make('p', { class: 'empty' }, 'This index has no vector with this key.');
		return showParts(view, vectors[0], description);
	});
}

function makeRequest({ bucket, index, key }) {
	return { vectorBucketName: bucket, indexName: index, keys: [key], returnData: true, returnMetadata: true };
}

function showParts(view, vector, description) {
	const { key } = view.place;
	const neighbors = make('div', {});
	const metadata = vector.metadata ?? {};
	const text = readValue(metadata, view.textKey);
	return [
		make('div', { class: 'row actions' },
			make('a', { class: 'button primary', href: addressOf({ ...view.names, view: 'query' }, { key }) },
				'More like this'),
			make('a', { class: 'button', href: addressOf({ ...view.names, view: 'map' }, { key }) }, 'On the map'),
			makeCopyMenu('GetVectors', makeRequest(view.place), view.about.service), makeCopyButton('Copy key', key),
			view.about.write && makeButton('Delete', () => askToDelete(view, [key],
				() => { window.location.hash = addressOf({ ...view.names, view: 'browse' }); }), { class: 'danger' })),
		typeof text === 'string' && makePanel(view.textKey, make('div', { class: 'prose' }, showLongText(text))),
		makePanel('Metadata', showMetadata(view, metadata, description)),
		make('div', { class: 'columns' },
			makePanel('Size', showSizes(key, metadata, description)),
			makePanel('Vector', showNumbers(vector.data?.float32 ?? [])),
			makePanel('As JSON', makeJson(metadata))),
		makePanel('Nearest neighbors', neighbors,
			makeButton(`Find the nearest ${NEIGHBORS}`, () => fill(neighbors, () => showNeighbors(view, neighbors)))),
	];
}

function showMetadata(view, metadata, description) {
	const entries = Object.entries(metadata).filter(([name]) => name !== view.textKey);
	if (entries.length === 0) return makeNote('No other metadata');
	const hidden = new Set(description ? nonFilterableKeys(description) : []);
	const rows = entries.map(([name, value]) => [
		make('code', { class: 'key' }, showText(name)), nameType(value), showValue(value, { whole: true }),
		hidden.has(name) ? 'not filterable' : make('a',
			{ href: addressOf({ ...view.names, view: 'browse' }, { filter: addCondition('', name, value) }) },
			'others with it'),
	]);
	return makeTable('Metadata', ['Key', 'Type', 'Value', 'Filter'], rows);
}

function showSizes(key, metadata, description) {
	const rows = [
		['Key, in bytes', countBytes(key), LIMITS.keyBytes],
			['Metadata keys', Object.keys(metadata).length, LIMITS.metadataKeys],
		['All metadata, in bytes', metadataSize(metadata), LIMITS.metadataBytes],
	];
	if (description) {
		const hidden = new Set(nonFilterableKeys(description));
		const filterable = Object.fromEntries(Object.entries(metadata).filter(([name]) => !hidden.has(name)));
		rows.push(['Filterable metadata, in bytes', metadataSize(filterable), LIMITS.filterableBytes]);
	}
	return makeLimits(rows);
}

function showNumbers(numbers) {
	const norm = Math.hypot(...numbers);
	const all = `[${numbers.join(', ')}]`;
	return [
		makeFacts([['Numbers', formatNumber(numbers.length)], ['Length (L2 norm)', formatScore(norm)],
			['Smallest, largest', findExtremes(numbers).map(formatScore).join(', ')],
			['Zeros', formatNumber(numbers.filter((number) => number === 0).length)]]),
		make('pre', { tabindex: '0', 'aria-label': 'Numbers' }, showLongText(all, { most: NUMBERS * 22 })),
			makeCopyButton('Copy vector', all),
	];
}

async function showNeighbors(view, place) {
	const others = await findNeighbors(view, view.place.key, NEIGHBORS, place);
	if (others.length === 0) return makeNote('This index has no other vectors.');
	const before = [['Distance', ({ distance }) => ({ numeric: formatScore(distance) })]];
	return makeVectorTable(view, others, { columns: chooseColumns(view, others), before }).element;
}
