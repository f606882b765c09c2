// One index: its description, its metadata keys, how near it is to the limits, and its end.
import { call } from './api.js';
import { addressOf } from './address.js';
import {
	announce, countOf, formatNumber, formatTime, make, makeButton, makeFacts, makeForm, makeInput, makeNote,
	makeSubmit, makeTable,
} from './dom.js';
import { makePanel, showTags } from './bucket.js';
import { openDialog } from './copy.js';
import { fill, isStop, showFailure } from './failure.js';
import { addHeader } from './index-header.js';
import { LIMITS, makeLimits } from './limits.js';
import { forgetCount, lastCount, nonFilterableKeys, readTags, rememberCount, textSearches } from './listing.js';
import { describeEncryption, showKeys, showSearch } from './overview.js';
import { watchJob } from './progress.js';
import { showText, showValue } from './text.js';
import { refreshTree } from './tree.js';

export async function showIndex(view) {
	const description = await addHeader(view);
	if (description === null) return;
	const [vectors, tags, limits, metadata] = Array.from({ length: 4 }, () => make('div', {}));
	const showLimits = (tagCount = null) => limits.replaceChildren(makeLimits(listLimits(view, description, tagCount)));
	view.root.append(make('div', { class: 'columns' },
		makePanel('Index', makeIndexFacts(description), vectors), makePanel('Usage of limits', limits),
			makePanel('Tags', tags)),
		makePanel('Metadata keys', metadata), view.about.write && makeDeletion(view) || '');
	showLimits();
	showCounter(view, vectors, showLimits);
	showMetadataButton(view, metadata, description);
	await fill(tags, async () => {
		const entries = Object.entries(await readTags(description.indexArn, view.signal));
		showLimits(entries.length);
		return showTags(entries);
	});
}

function makeIndexFacts(description) {
	const searches = textSearches(description);
	return makeFacts([
		['Dimension', formatNumber(description.dimension)], ['Distance metric', description.distanceMetric],
		['Data type', description.dataType], ['Index mode', description.indexMode],
		['Text search', searches.length ? searches.map(showSearch) : 'none'],
		['Not filterable', showKeys(nonFilterableKeys(description))],
		['Encryption', describeEncryption(description.encryptionConfiguration)],
		['Created', formatTime(description.creationTime)], ['ARN', make('code', {}, description.indexArn)],
	]);
}

function listLimits(view, description, tagCount) {
	return [
		['Vectors', lastCount(view.place) ?? null, LIMITS.vectors],
		['Keys that are not filterable', nonFilterableKeys(description).length, LIMITS.nonFilterableKeys],
		['Text searches', textSearches(description).length, LIMITS.textSearches],
		...(tagCount === null ? [] : [['Tags', tagCount, LIMITS.tags]]),
	];
}

function showCounter(view, place, showLimits) {
	const number = make('span', { class: 'big' },
		lastCount(view.place) === undefined ? '' : `${countOf(lastCount(view.place), 'vector')} `);
	const work = make('div', { class: 'row' });
	const count = async () => {
		try {
			const result = await watchJob(work, 'Counting vectors', 'count', view.names, view.signal);
			rememberCount(view.place, result.count);
			number.replaceChildren(`${countOf(result.count, 'vector')} `);
			announce(countOf(result.count, 'vector'));
			showLimits();
			work.replaceChildren(button);
		} catch (error) {
			work.replaceChildren(button, ...(isStop(error) ? [] : [showFailure(error)]));
		}
	};
	const button = makeButton('Count vectors', count);
	work.append(button);
	place.append(number, work);
}

function showMetadataButton(view, place, description) {
	const button = makeButton('Read a sample', () => fill(place, () => showMetadata(view, place, description)));
	place.append(makeNote('The keys and values that the vectors have, from a sample of at most 1,000.'), button);
}

async function showMetadata(view, place, description) {
	const result = await watchJob(place, 'Reading a sample', 'metadata', view.names, view.signal);
	if (result.keys.length === 0) return makeNote('The vectors of the sample have no metadata.');
	const hidden = new Set(nonFilterableKeys(description));
	const rows = result.keys.map(({ name, types, count, examples }) => [
		make('code', { class: 'key' }, showText(name)), showText(types.join(', ')), { numeric: formatNumber(count) },
		hidden.has(name) ? 'no' : 'yes', examples.slice(0, 3).map((value) => make('div', {}, showValue(value))),
		hidden.has(name) ? '' : make('a', { href: addressOf({ ...view.names, view: 'map' }, { color: name }) },
			'color the map'),
	]);
	return [makeNote(`From ${formatNumber(result.sampled)} vectors.`),
		makeTable('Metadata keys', ['Key', 'Types', 'Vectors', 'Filterable', 'Examples', 'Map'], rows)];
}

function makeDeletion(view) {
	return make('section', { class: 'panel danger' }, make('h2', {}, 'Delete this index'),
		make('p', {}, 'The index is deleted with all its vectors. This cannot be undone.'),
		makeButton('Delete the index …', () => openDeletion(view), { class: 'danger' }));
}

function openDeletion(view) {
	const { bucket, index } = view.place;
	const name = makeInput('name', { input: () => { button.disabled = name.value !== index; } });
	const button = makeSubmit('Delete the index and its vectors', { class: 'danger', disabled: true });
	const failure = make('div', {});
	const submit = async () => {
		try {
			await call('DeleteIndex', { vectorBucketName: bucket, indexName: index }, view.signal);
			dialog.close();
			forgetCount(view.place);
			await refreshTree();
			window.location.hash = addressOf({ bucket });
			announce(`Deleted the index ${index}`);
		} catch (error) {
			if (!isStop(error)) failure.replaceChildren(showFailure(error));
		}
	};
	const dialog = openDialog('Delete the index', makeForm(submit, {},
		make('p', {}, 'Type its name, ', make('strong', {}, showText(index)), ', to delete it from the bucket ',
			make('strong', {}, showText(bucket)), '.'),
		make('label', { for: 'name' }, 'Name of the index'), name, failure, make('div', { class: 'row' }, button)));
	name.focus();
}
