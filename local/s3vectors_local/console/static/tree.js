// The list at the side: buckets, and in each its indexes, read when a bucket is opened.
import { addressOf } from './address.js';
import { make, makeNote, markCurrent, replaceContent } from './dom.js';
import { fill } from './failure.js';
import { listBuckets, listIndexes } from './listing.js';
import { showText } from './text.js';

let about = null;
let current = null;
let list = null;

export function showTree(element, served) {
	about = served;
	list = make('div', { class: 'buckets' });
	const narrow = make('input', {
		id: 'tree-filter', type: 'search', placeholder: 'Filter by name',
			'aria-label': 'Show buckets and indexes whose names contain',
		input: () => narrowTree(narrow.value),
	});
	replaceContent(element, make('h2', { class: 'hidden' }, 'Buckets and indexes'), narrow, list);
	return refreshTree();
}

/** Read the buckets anew: after an index was deleted, for instance. */
export function refreshTree() {
	return fill(list, async () => {
		const { items, next } = await listBuckets(about, {});
		const rows = items.map(makeBucket);
		if (next) rows.push(make('a', { href: addressOf({}), class: 'more' }, 'More buckets: overview'));
		return rows.length ? rows : makeNote('No buckets yet');
	}).then(() => markTree(current));
}

function makeBucket({ vectorBucketName: name }) {
	const indexes = make('div', { class: 'indexes' });
	const details = make('details', {
		'data-bucket': name,
		toggle: () => {
			if (details.open && !indexes.hasChildNodes()) showIndexes(indexes, name);
		},
	}, make('summary', {}, showText(name)), indexes);
	return details;
}

function showIndexes(element, bucket) {
	return fill(element, async () => {
		const { items, next } = await listIndexes(about, bucket, {});
		const links = items.map(({ indexName }) =>
			make('a', { href: addressOf({ bucket, index: indexName }), 'data-index': indexName }, showText(indexName)));
		const all = make('a', { href: addressOf({ bucket }), class: 'more', 'data-index': '' },
			next ? 'About this bucket, more indexes' : 'About this bucket');
		return [...links, all];
	}).then(() => markTree(current));
}

/** Show where the reader is. */
export function markTree(place) {
	current = place;
	for (const bucket of list?.querySelectorAll('details') ?? []) {
		const chosen = bucket.dataset.bucket === place?.bucket;
		if (chosen) bucket.open = true;
		for (const link of bucket.querySelectorAll('a')) {
			markCurrent(link, chosen && link.dataset.index === (place.index ?? ''));
		}
	}
	const only = list?.querySelectorAll('details');
	if (only?.length === 1) only[0].open = true;
}

function narrowTree(text) {
	const part = text.toLowerCase();
	for (const bucket of list.querySelectorAll('details')) {
		const names = [...bucket.querySelectorAll('a[data-index]')];
		const bucketMatches = bucket.dataset.bucket.includes(part);
		let matches = 0;
		for (const link of names) {
			link.hidden = !bucketMatches && !link.dataset.index.includes(part);
			matches += link.hidden ? 0 : 1;
		}
		bucket.hidden = !bucketMatches && !matches;
	}
}
