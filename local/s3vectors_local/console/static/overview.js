// All buckets with their indexes: what they are made for, and how many vectors they have.
import { runJob } from './api.js';
import { addressOf } from './address.js';
import {
	announce, countOf, formatNumber, formatTime, make, makeButton, makeFacts, makeNote, makeRow, makeTable,
} from './dom.js';
import { fill, isStop, showFailure } from './failure.js';
import {
	describeBucket, describeIndex, forEachAtOnce, lastCount, listBuckets, listIndexes, nonFilterableKeys,
	rememberCount, textSearches,
} from './listing.js';
import { watchWork } from './progress.js';
import { showText } from './text.js';

const COLUMNS = ['Index', 'Vectors', 'Dimension', 'Metric', 'Mode', 'Text search', 'Not filterable', 'Created'];

export function showOverview(view) {
	const buckets = make('div', {});
	view.root.append(make('h1', {}, 'Buckets and indexes'), buckets);
	return fill(buckets, async () => {
		const page = await listBuckets(view.about, { signal: view.signal });
		if (page.items.length === 0) return showNothing(view.about);
		const cards = make('div', {}, page.items.map((bucket) => makeCard(view, bucket)));
		return [cards, makeMore(page, cards, (next) => listBuckets(view.about, { next, signal: view.signal }),
			(bucket) => makeCard(view, bucket))];
	});
}

function showNothing(about) {
	const endpoint = about.service.kind === 'aws' ? '' : ` --endpoint-url ${window.location.origin}`;
	return make('div', { class: 'panel' }, make('p', {}, 'There are no vector buckets yet. This creates one:'),
		make('pre', { tabindex: '0', 'aria-label': 'Command' },
			`aws s3vectors create-vector-bucket --vector-bucket-name my-bucket${endpoint}`));
}

/** A button that adds the next page to a list; nothing when there is none. */
function makeMore(page, list, read, makeItem) {
	if (!page.next) return null;
	const place = make('p', {}, makeButton('More', () => fill(place, async () => {
		const next = await read(page.next);
		list.append(...next.items.map(makeItem));
		return makeMore(next, list, read, makeItem) ?? make('span', {}, 'No more buckets.');
	})));
	return place;
}

function makeCard(view, { vectorBucketName: bucket }) {
	const facts = make('div', { class: 'loading' });
	const indexes = make('div', { class: 'loading' });
	fill(facts, async () => describeFacts(await describeBucket(bucket, view.signal)), { title: 'About the bucket' });
	fill(indexes, () => showIndexes(view, bucket), { title: 'Its indexes' });
	return make('section', { class: 'card' },
		make('h2', {}, make('a', { href: addressOf({ bucket }) }, showText(bucket))), facts, indexes);
}

/** A bucket's description; `more` facts follow. */
export function describeFacts(bucket, more = []) {
	return makeFacts([
		['Encryption', describeEncryption(bucket.encryptionConfiguration)],
		['New indexes', bucket.defaultIndexMode],
		['Created', bucket.creationTime && formatTime(bucket.creationTime)],
		...more,
	]);
}

export function describeEncryption(configuration) {
	if (!configuration) return null;
	const { sseType, kmsKeyArn } = configuration;
	return sseType === 'AES256' ? 'SSE-S3 (AES256)'
		: make('span', {}, `SSE-KMS: `, showText(kmsKeyArn ?? 'key not reported'));
}

/** A bucket's indexes as a table that fills itself, a description at a time. */
export async function showIndexes(view, bucket) {
	const page = await listIndexes(view.about, bucket, { signal: view.signal });
	if (page.items.length === 0) return makeNote('This bucket has no indexes.');
	const table = makeTable(`Indexes of ${bucket}`, COLUMNS, []);
	const body = table.querySelector('tbody');
	const rows = [];
	const add = ({ indexName: index }) => {
		const row = makeIndexRow(view, { bucket, index });
		rows.push(row);
		return row.element;
	};
	body.append(...page.items.map(add));
	const describe = () => forEachAtOnce(rows.splice(0), (row) => row.describe());
	describe().catch(() => {});
	const more = makeMore(page, body, (next) => listIndexes(view.about, bucket, { next, signal: view.signal }),
		(item) => {
		queueMicrotask(() => describe().catch(() => {}));
		return add(item);
	});
	return [table, more, makeCounter(view, bucket, body)];
}

function makeIndexRow(view, place) {
	const count = make('span', { class: 'count' }, formatCount(lastCount(place)));
	const link = make('a', { href: addressOf(place) }, showText(place.index));
	const element = makeRow(COLUMNS, [link, { numeric: count }, '…', '', '', '', '', ''], { 'data-index': place.index });
	const describe = async () => {
		try {
			replaceDetails(element, makeDetails(count, await describeIndex(place, view.signal)));
		} catch (error) {
			if (!isStop(error)) replaceDetails(element, [make('td', { colspan: COLUMNS.length - 1 }, showFailure(error))]);
		}
	};
	return { element, describe };
}

/** Put these cells behind the row's link, which stays where it is: it may have the focus. */
function replaceDetails(row, cells) {
	while (row.cells.length > 1) row.lastChild.remove();
	row.append(...cells);
}

function makeDetails(count, description) {
	const searches = textSearches(description);
	return makeRow(COLUMNS.slice(1), [
		{ numeric: count }, { numeric: formatNumber(description.dimension) }, description.distanceMetric,
		description.indexMode ?? '', searches.length ? searches.map(showSearch) : '–',
		showKeys(nonFilterableKeys(description)), description.creationTime ? formatTime(description.creationTime) : '',
	]).children;
}

/** Keys in a row, each visible in its own right. */
export function showKeys(keys) {
	return keys.length ? keys.map((key) => make('code', { class: 'key' }, showText(key))) : '–';
}

export function showSearch({ metadataKey, language, status }) {
	return make('span', { class: 'search' }, make('code', { class: 'key' }, showText(metadataKey)),
		language ? ` ${language} ` : ' ',
		status ? make('span', { class: `chip ${status === 'ACTIVE' ? 'good' : 'pending'}` }, status) : '');
}

function formatCount(count) {
	return count === undefined ? '–' : formatNumber(count);
}

function makeCounter(view, bucket, body) {
	const place = make('div', { class: 'row' });
	const count = async () => {
		for (const row of [...body.rows]) {
			const index = row.dataset.index;
			const number = await watchWork(place,
				`Counting ${index}`, view.signal, (options) => runJob('count', { bucket, index }, options));
			rememberCount({ bucket, index }, number.count);
			row.querySelector('.count')?.replaceChildren(formatNumber(number.count));
			announce(`${index}: ${countOf(number.count, 'vector')}`);
		}
	};
	const start = async () => {
		try {
			await count();
			place.replaceChildren(button);
		} catch (error) {
			place.replaceChildren(button, ...(isStop(error) ? [] : [showFailure(error)]));
		}
	};
	const button = makeButton('Count vectors', start);
	place.append(button);
	return place;
}
