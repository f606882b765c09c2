// What the engine was asked lately, and what its policies grant that nobody used.
import { readRequests } from './api.js';
import {
	announce, formatMilliseconds, formatNumber, formatTime, make, makeButton, makeNote, makeRow, makeTable,
} from './dom.js';
import { makePanel } from './bucket.js';
import { isStop, showFailure } from './failure.js';
import { showText } from './text.js';

const EVERY = 2000; // milliseconds
const MOST = 200;
const COLUMNS = ['Time', 'Operation', 'Bucket and index', 'Status', 'Took', 'Reason'];

export async function showRequests(view) {
	const list = new RequestList(view);
	view.root.append(make('h1', {}, 'Requests'),
		makeNote(`The last ${MOST} requests that the engine answered.`), list.element);
	await list.follow();
}

class RequestList {
	constructor(view) {
		this.view = view;
		this.requests = [];
		this.after = null;
		this.paused = false;
		const box = (id, text) => {
			const input = make('input', { type: 'checkbox', id, change: () => this.show() });
			return [input, make('label', { class: 'choice', for: id }, input, text)];
		};
		const [own, ownLabel] = box('own', 'Include requests of this console');
		const [failed, failedLabel] = box('failed', 'Only refused and lost requests');
		Object.assign(this, { own, failed });
		this.button = makeButton('Pause', () => this.togglePause());
		this.failure = make('div', {});
		this.table = makeTable('Requests', COLUMNS, []);
		this.empty = make('p', { class: 'empty' });
		this.unused = make('div', {});
		this.element = make('div', { class: 'view' }, make('div', { class: 'row actions' }, this.button, ownLabel, failedLabel),
			this.failure, this.table, this.empty, this.unused);
	}

	togglePause() {
		this.paused = !this.paused;
		this.button.textContent = this.paused ? 'Resume' : 'Pause';
		if (!this.paused) this.follow();
	}

	/** Read what is new again and again, as long as somebody looks. */
	async follow() {
		const { signal } = this.view;
		try {
			if (!document.hidden) await this.read();
			this.failure.replaceChildren();
		} catch (error) {
			if (isStop(error)) return;
			this.failure.replaceChildren(showFailure(error));
		}
		clearTimeout(this.timer);
		if (!signal.aborted && !this.paused) this.timer = setTimeout(() => { if (!signal.aborted
			&& !this.paused) this.follow(); }, EVERY);
	}

	async read() {
		const { requests, unused } = await readRequests(this.after, this.view.signal);
		if (requests.length === 0 && this.after !== null) return;
		const all = [...this.requests, ...requests];
		const ofConsole = (own) => all.filter((request) => Boolean(request.console) === own).slice(-MOST);
		this.requests = [...ofConsole(false), ...ofConsole(true)].sort((one, other) => one.id - other.id);
		this.after = requests.at(-1)?.id ?? this.after ?? 0;
		this.show();
		this.showUnused(unused);
	}

	show() {
		const shown = this.requests.filter((request) => (this.own.checked || !request.console)
			&& (!this.failed.checked || isRefused(request)));
		this.table.hidden = shown.length === 0;
		this.empty.hidden = shown.length > 0;
		this.empty.textContent = this.requests.length ? 'No request matches the filters above.'
			: 'The engine has received no requests.';
		this.table.querySelector('tbody').replaceChildren(...shown.toReversed().map(makeRequestRow));
		announce(`${formatNumber(shown.length)} requests`);
	}

	showUnused(unused) {
		if (!unused) return;
		this.unused.replaceChildren(makePanel('Unused permissions', unused.length
			? make('ul', {}, unused.map((sentence) => make('li', {}, showText(sentence))))
				: makeNote('All permissions have been used.')));
	}
}

/** One whose answer was lost on purpose has no status. */
function isRefused({ status }) {
	return status === null || status >= 400;
}

function makeRequestRow({ time, operation, resource, status, milliseconds, reason, console: own }) {
	const state = status === null || status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'good';
	return makeRow(COLUMNS, [
		make('time', { class: 'mono' }, formatTime(time)),
			[showText(operation), own ? make('span', { class: 'chip' }, 'console') : ''],
		showText(resource ?? ''), { numeric: make('span', { class: state }, status === null ? 'lost' : String(status)) },
			{ numeric: formatMilliseconds(milliseconds) }, showText(reason ?? ''),
	]);
}
