// How near something is to a limit of the service.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
import { formatNumber, make } from './dom.js';

export const LIMITS = {
	vectors: 2_000_000_000, nonFilterableKeys: 10, textSearches: 10, tags: 50,
	metadataBytes: 40_960, filterableBytes: 2_048, metadataKeys: 50, keyBytes: 1_024,
};

const encoder = new TextEncoder();

export function countBytes(text) {
	return encoder.encode(text).length;
}

/** The size of metadata as the service counts it, not as JSON. */
export function metadataSize(metadata) {
	return 4 + Object.entries(metadata).reduce((sum, [key, value]) => sum + 8 + countBytes(key) + valueSize(value), 0);
}

function valueSize(value) {
	if (typeof value === 'string') return countBytes(value);
	if (Array.isArray(value)) return value.reduce((sum, item) => sum + 4 + valueSize(item), 0);
	return typeof value === 'boolean' ? 0 : 4;
}

/** A list of [name, number, limit] with a meter each. */
export function makeLimits(rows) {
	return make('dl', { class: 'limits' }, rows.map(([name, number, limit]) => {
		const share = number / limit;
		return make('div', {}, make('dt', {}, name),
			make('dd', {}, number === null ? 'not counted yet' : `${formatNumber(number)} of ${formatNumber(limit)}`,
				number !== null && make('meter',
					{ min: 0, max: limit, low: limit * 0.7, high: limit * 0.9, optimum: 0, 'aria-label': name, value: number }),
				share >= 0.9 && make('strong', { class: 'near' }, share >= 1 ? ' at the limit' : ' near the limit')));
	}));
}
