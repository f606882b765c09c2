// One bucket: what it is, its tags, its policy, its indexes.
import { call } from './api.js';
import { make, makeNote, makeTable } from './dom.js';
import { fill } from './failure.js';
import { makeLimits } from './limits.js';
import { describeBucket, listIndexes, readTags } from './listing.js';
import { describeFacts, showIndexes } from './overview.js';
import { showLongText, showText } from './text.js';

export async function showBucket(view) {
	const { bucket } = view.place;
	const [facts, tags, policy, indexes, limits] = Array.from({ length: 5 }, () => make('div', { class: 'loading' }));
	view.root.append(
		make('h1', {}, make('span', { class: 'kind' }, 'Bucket '), showText(bucket)), facts,
		makePanel('Indexes', indexes), make('div', { class: 'columns' },
			makePanel('Usage of limits', limits), makePanel('Tags', tags), makePanel('Bucket policy', policy)));
	const describe = shareReading(() => describeBucket(bucket, view.signal));
	await Promise.all([
		fill(facts, async () => showFacts(await describe())),
		fill(tags, async () => {
			const { vectorBucketArn } = await describe();
			return showTags(Object.entries(await readTags(vectorBucketArn, view.signal)));
		}),
		fill(indexes, () => showIndexes(view, bucket)),
		fill(policy, () => showPolicy(bucket, view.signal)),
		fill(limits, () => showLimits(view)),
	]);
}

/** Read once what several need; after a failure, the next one reads it again. */
function shareReading(read) {
	let reading = null;
	return () => {
		reading ??= read().catch((error) => {
			reading = null;
			throw error;
		});
		return reading;
	};
}

function showFacts(bucket) {
	return describeFacts(bucket, [['ARN', make('code', {}, bucket.vectorBucketArn)]]);
}

export function makePanel(title, ...content) {
	return make('section', { class: 'panel' }, make('h2', {}, title), content);
}

export function showTags(tags) {
	if (tags.length === 0) return makeNote('No tags');
	return makeTable('Tags', ['Tag', 'Value'], tags.map(([key, value]) => [showText(key), showText(value)]));
}

async function showPolicy(bucket, signal) {
	try {
		const { policy } = await call('GetVectorBucketPolicy', { vectorBucketName: bucket }, signal);
		return make('pre', { tabindex: '0', 'aria-label': 'Bucket policy' }, showLongText(indentPolicy(policy)));
	} catch (error) {
		if (error.code === 'NotFoundException') return makeNote('No policy');
		throw error;
	}
}

function indentPolicy(policy) {
	try {
		return JSON.stringify(JSON.parse(policy), null, 2);
	} catch {
		return policy;
	}
}

async function showLimits(view) {
	const { bucket } = view.place;
	let [number, next] = [0, null];
	do {
		const page = await listIndexes(view.about, bucket, { next, signal: view.signal });
		[number, next] = [number + page.items.length, page.next];
	} while (next);
	return makeLimits([['Indexes of the bucket', number, 10_000]]);
}
