// Which metadata keys are columns of a table; the reader's choice is remembered for each index.
import { countOf, formatNumber, make, makeNote } from './dom.js';
import { fill } from './failure.js';
import { watchJob } from './progress.js';
import { readValue, showText } from './text.js';

const FIRST = 3;
const SHORT = 24; // characters: longer values are no help at a glance

function storageKey({ bucket, index }) {
	return `columns:${bucket}/${index}`;
}

function readChoice(place) {
	try {
		const choice = JSON.parse(window.localStorage.getItem(storageKey(place)));
		return Array.isArray(choice) ? choice.filter((name) => typeof name === 'string') : null;
	} catch {
		return null; // no storage, or something else in it
	}
}

function storeChoice(place, names) {
	try {
		window.localStorage.setItem(storageKey(place), JSON.stringify(names));
	} catch { /* the choice holds as long as the page */ }
}

/** The columns to begin with: the reader's, else those that the console was started with and that are there, else the first few. */
export function chooseColumns(view, vectors) {
	const choice = readChoice(view.place);
	if (choice) return choice;
	const present = [...new Set(vectors.flatMap(({ metadata }) => Object.keys(metadata ?? {})))];
	const proposed = view.about.columns.filter((name) => present.includes(name));
	const isShort = (name) => vectors.every(({ metadata }) => String(readValue(metadata, name) ?? '').length <= SHORT);
	return proposed.length ? proposed : present.filter((name) => name !== view.textKey && isShort(name)).slice(0, FIRST);
}

/** A list of all metadata keys, read when it is opened; `change` gets those that are chosen. */
export function makeColumnPicker(view, chosen, change) {
	const list = make('div', { class: 'choices' });
	const names = new Set(chosen);
	const details = make('details', {
		class: 'menu',
		toggle: () => {
			if (details.open && !list.hasChildNodes()) fill(list, () => listKeys(view, list, names, change));
		},
		keydown: (event) => {
			if (event.key !== 'Escape') return;
			details.open = false;
			details.querySelector('summary').focus();
		},
	}, make('summary', { class: 'button' }, 'Columns'), make('div', { class: 'popup' }, list));
	return details;
}

async function listKeys(view, place, names, change) {
	const { keys, sampled } = await watchJob(place, 'Reading a sample', 'metadata', view.names, view.signal);
	const known = new Map(keys.map(({ name, count }) => [name, count]));
	for (const name of names) if (!known.has(name)) known.set(name, 0);
	known.delete(view.textKey);
	const boxes = [...known].map(([name, count]) => {
		const box = make('input', { type: 'checkbox', checked: names.has(name), change: () => {
			if (box.checked) names.add(name);
			else names.delete(name);
			storeChoice(view.place, [...names]);
			change([...names]);
		} });
		return make('label', { class: 'choice' }, box, showText(name),
			make('span', { class: 'note' }, ` ${formatNumber(count)}`));
	});
	return [makeNote(`Keys in a sample of ${countOf(sampled, 'vector')}`), ...boxes];
}
