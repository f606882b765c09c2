// Vectors as a file in the tool's format.
import { call, orderDownload } from './api.js';
import { announce, make } from './dom.js';
import { showEnd } from './failure.js';

/** The members of a request that select vectors; a filter is null when there is none. */
export function selectVectors(prefix, filter) {
	return { ...(prefix ? { prefix } : {}), ...(filter === null ? {} : { filter }) };
}

/** Let the browser save the vectors that a prefix and a filter's field select; a failure is shown in `place`. */
export async function downloadVectors(view, prefix, field, place) {
	const filter = field.take();
	if (filter === undefined) return;
	place.replaceChildren();
	try {
		const { bucket, index } = view.names;
		// A refusal of the file itself would be seen by the browser only
		await call('ListVectors', { vectorBucketName: bucket, indexName: index, maxResults: 1, returnData: true,
			returnMetadata: true }, view.signal);
		saveFile(await orderDownload({ ...view.names, ...selectVectors(prefix, filter) }, view.signal));
	} catch (error) {
		if (!view.signal.aborted) showEnd(error, place, { filter: field });
	}
}

function saveFile({ ticket }) {
	const link = make('a', { href: `/console/download/${encodeURIComponent(ticket)}`, download: true });
	document.body.append(link);
	link.click();
	link.remove();
	announce('The download has begun');
}
