// A job that takes long: its progress, and a button that stops it.
import { announce, formatNumber, make, makeButton } from './dom.js';
import { runJob } from './api.js';

/** Gives each piece of work of a view its signal; a new one ends the one before. */
export function makeTurns(signal) {
	let current = new AbortController();
	return () => {
		current.abort();
		current = new AbortController();
		return AbortSignal.any([signal, current.signal]);
	};
}

const SHOWN_AFTER = 150; // milliseconds: what is faster should not flicker
const SPOKEN_EVERY = 5000;

/** Run `work({signal, progress})` and show its progress in `place`. The work also stops when the view closes. */
export async function watchWork(place, title, signal, work) {
	const stop = new AbortController();
	const box = makeBox(title, () => stop.abort());
	const shown = setTimeout(() => place.replaceChildren(box.element), SHOWN_AFTER);
	try {
		return await work({ signal: AbortSignal.any([signal, stop.signal]), progress: box.update });
	} catch (error) {
		if (stop.signal.aborted && !signal.aborted) announce(`Stopped: ${title}`);
		throw error;
	} finally {
		clearTimeout(shown);
		box.element.remove();
	}
}

/** Run a job of the server that way. */
export function watchJob(place, title, job, request, signal) {
	return watchWork(place, title, signal, (options) => runJob(job, request, options));
}

/** The vectors nearest to one that is stored, without itself. */
export async function findNeighbors(view, key, number, place) {
	const request = { ...view.names, key, mode: 'vector', top_k: number + 1 };
	const { results } = await watchJob(place, 'Searching for neighbors', 'query', request, view.signal);
	return results.filter((result) => result.key !== key).slice(0, number);
}

function makeBox(title, stop) {
	const bar = make('progress', { 'aria-label': title });
	const words = make('span', { class: 'words' }, `${title} …`);
	const element = make('div', { class: 'job' }, bar, words, makeButton('Stop', stop));
	let spoken = performance.now();
	const update = ({ done, total, phase }) => {
		const [at, of] = [formatNumber(done), total === null || total === undefined ? '' : ` of ${formatNumber(total)}`];
		if (total) [bar.max, bar.value] = [total, done];
		else bar.removeAttribute('value');
		words.textContent = `${title}${phase ? ` (${phase})` : ''}: ${at}${of}`;
		if (performance.now() - spoken < SPOKEN_EVERY) return;
		spoken = performance.now();
		announce(words.textContent);
	};
	return { element, update };
}
