// Vectors in and out, in the format of `stache-s3vectors export`: JSON Lines that guard themselves.
import { importFile } from './api.js';
import { announce, countOf, formatBytes, make, makeField, makeForm, makeInput, makeNote, makeSubmit } from './dom.js';
import { makePanel } from './bucket.js';
import { downloadVectors } from './download.js';
import { isStop, showFailure } from './failure.js';
import { makeFilterField } from './filter.js';
import { addHeader } from './index-header.js';
import { forgetCount } from './listing.js';
import { watchWork } from './progress.js';
import { showText } from './text.js';

export async function showTransfer(view) {
	const header = addHeader(view);
	view.root.append(makeDownload(view), makeImport(view));
	await header;
}

function makeDownload(view) {
	const prefix = makeInput('prefix', { type: 'search' });
	const filter = makeFilterField('', () => form.requestSubmit());
	const failure = make('div', {});
	const form = makeForm(() => downloadVectors(view, prefix.value, filter, failure), { class: 'toolbar' }, makeField('Key begins with', prefix), filter.element,
		makeSubmit('Download'));
	return makePanel('Export',
		makeNote('JSON Lines with keys, vectors and metadata. Each line has a checksum of itself and all lines before it.'), form,
		failure);
}

function makeImport(view) {
	if (!view.about.write) {
		return makePanel('Import',
			makeNote('This console only reads. Start it with --console write (s3vectors-local serve) or --write (stache-s3vectors console) to import.'));
	}
	const place = make('div', {});
	const file = make('input', { id: 'file', type: 'file',
		change: () => { if (file.files.length) importInto(view, place, file.files[0]); } });
	const zone = make('div', {
		class: 'drop',
		dragover: (event) => { event.preventDefault(); zone.classList.add('over'); },
		dragleave: () => zone.classList.remove('over'),
		drop: (event) => {
			event.preventDefault();
			zone.classList.remove('over');
			if (event.dataTransfer.files.length) importInto(view, place, event.dataTransfer.files[0]);
		},
	}, makeField('Drop an export here, or choose it', file,
		'A vector whose key is there already is overwritten. Every line is checked before it is written.'));
	return makePanel('Import', zone, place);
}

async function importInto(view, place, file) {
	place.replaceChildren();
	try {
		const result = await watchWork(place,
			`Importing ${file.name}, ${formatBytes(file.size)}`, view.signal,
			(options) => importFile(view.names, file, options));
		forgetCount(view.place);
		const words = `Imported ${countOf(result.count, 'vector')}`;
		announce(words);
		place.replaceChildren(make('p', { class: 'verdict good' }, words, ' from ', showText(file.name), '.'));
	} catch (error) {
		place.replaceChildren(isStop(error) ? makeNote('Stopped. What was imported before stays.') : showFailure(error));
	}
}
