// Buckets and indexes: their lists, page by page, and their descriptions.
import { call } from './api.js';
import { chosenRegion } from './address.js';

const PAGE = 200;
const AT_ONCE = 4;

/** One page of buckets: {items, next}. Where only one bucket may be used, that is the list. */
export async function listBuckets(about, { prefix, next, signal }) {
	if (about.bucket) return { items: [{ vectorBucketName: about.bucket }], next: null };
	const response = await call('ListVectorBuckets',
		{ maxResults: PAGE, ...(prefix ? { prefix } : {}), ...(next ? { nextToken: next } : {}) }, signal);
	return { items: response.vectorBuckets, next: response.nextToken ?? null };
}

/** One page of a bucket's indexes: {items, next}. */
export async function listIndexes(about, bucket, { prefix, next, signal }) {
	if (about.indexes) return { items: about.indexes.map((indexName) => ({ indexName })), next: null };
	const request = { vectorBucketName: bucket, maxResults: PAGE, ...(prefix ? { prefix } : {}),
		...(next ? { nextToken: next } : {}) };
	const response = await call('ListIndexes', request, signal);
	return { items: response.indexes, next: response.nextToken ?? null };
}

export async function describeBucket(bucket, signal) {
	return (await call('GetVectorBucket', { vectorBucketName: bucket }, signal)).vectorBucket;
}

export async function describeIndex({ bucket, index }, signal) {
	return (await call('GetIndex', { vectorBucketName: bucket, indexName: index }, signal)).index;
}

export function nonFilterableKeys(description) {
	return description.metadataConfiguration?.nonFilterableMetadataKeys ?? [];
}

export function textSearches(description) {
	return description.metadataConfiguration?.textSearchConfigurations ?? [];
}

export async function readTags(arn, signal) {
	return (await call('ListTagsForResource', { resourceArn: arn }, signal)).tags ?? {};
}

/** Do it for each, a few at a time. */
export async function forEachAtOnce(items, work) {
	const waiting = [...items];
	const worker = async () => {
		while (waiting.length) await work(waiting.shift());
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const counts = new Map();

function nameIndex({ bucket, index }) {
	return JSON.stringify([chosenRegion(), bucket, index]);
}

/** The number of vectors, as it was when somebody last counted them here; undefined before. */
export function lastCount(place) {
	return counts.get(nameIndex(place));
}

export function rememberCount(place, count) {
	counts.set(nameIndex(place), count);
}

export function forgetCount(place) {
	counts.delete(nameIndex(place));
}
