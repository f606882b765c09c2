// The vectors of an index, page by page: by prefix of the key and by filter.
import { addressOf } from './address.js';
import {
	announce, countOf, formatNumber, make, makeButton, makeField, makeForm, makeInput, makeSelect, makeSubmit,
} from './dom.js';
import { chooseColumns, makeColumnPicker } from './columns.js';
import { makeCopyMenu } from './copy.js';
import { askToDelete } from './deletion.js';
import { downloadVectors, selectVectors } from './download.js';
import { showEnd } from './failure.js';
import { makeFilterField } from './filter.js';
import { addHeader } from './index-header.js';
import { makeTurns, watchJob } from './progress.js';
import { makeVectorTable } from './vector-table.js';

const SIZES = ['25', '50', '100', '250', '500'];
const SIZE = '50';

export async function showBrowse(view) {
	const header = addHeader(view);
	const browser = new Browser(view, header);
	view.root.append(browser.form, browser.actions, browser.result);
	await browser.show();
}

class Browser {
	constructor(view, header) {
		Object.assign(this, { view, header });
		const { prefix = '', filter = '', size = SIZE } = view.parameters;
		this.cursors = [null]; // of the pages up to the one that is shown
		this.columns = null;
		this.turn = makeTurns(view.signal);
		this.prefix = makeInput('prefix', { type: 'search', value: prefix });
		this.filter = makeFilterField(filter, () => this.form.requestSubmit());
		this.size = makeSelect(SIZES.map((number) => [number, number]), SIZES.includes(size) ? size : SIZE,
			{ id: 'size', change: () => this.submit() });
		this.form = makeForm(() => this.submit(), { class: 'toolbar', role: 'search', 'aria-label': 'Vectors' },
			makeField('Key begins with', this.prefix), this.filter.element, makeField('On a page', this.size),
			makeSubmit('Show'));
		this.actions = make('div', { class: 'row actions' });
		this.result = make('div', { class: 'result' });
	}

	submit() {
		this.cursors = [null];
		return this.show();
	}

	async show() {
		const filter = this.filter.take();
		if (filter === undefined) return;
		const signal = this.turn();
		this.view.remember(this.view.place, {
			prefix: this.prefix.value, filter: this.filter.text, size: this.size.value === SIZE ? '' : this.size.value,
		});
		const cursor = this.cursors.at(-1);
		const request = { ...this.view.names, limit: Number(this.size.value), ...selectVectors(this.prefix.value, filter),
			...(cursor ? { cursor } : {}) };
		try {
			const page = await watchJob(this.result, 'Reading vectors', 'browse', request, signal);
			await this.header; // which knows the key of the text
			this.showPage(page);
		} catch (error) {
			if (!signal.aborted) showEnd(error, this.result, { filter: this.filter, retry: () => this.show() });
		}
	}

	showPage(page) {
		this.page = page;
		if (!this.columns?.length) this.columns = chooseColumns(this.view, page.vectors);
		this.showActions(page);
		this.showTable();
		const number = page.vectors.length;
		announce(`${countOf(number, 'vector')} on page ${this.cursors.length}`);
	}

	showTable(selection = []) {
		const { vectors } = this.page;
		if (vectors.length === 0) {
			this.result.replaceChildren(make('p', { class: 'empty' }, this.prefix.value || this.filter.text
				? 'No vector of this index matches.' : 'This index has no vectors.'));
			return;
		}
		this.table = makeVectorTable(this.view, vectors, {
			columns: this.columns, filter: this.filter.text,
			select: this.view.about.write ? () => this.showSelection() : null, selection,
		});
		this.result.replaceChildren(this.table.element, this.makePager());
	}

	makePager() {
		const { vectors, cursor, scanned } = this.page;
		const turn = (change) => async () => {
			change();
			await this.show();
			window.scrollTo(0, 0);
		};
		const filtered = this.prefix.value || this.filter.text;
		return make('nav', { class: 'row pager', 'aria-label': 'Pages' },
			makeButton('First', turn(() => { this.cursors = [null]; }), { disabled: this.cursors.length === 1 }),
			makeButton('Previous', turn(() => this.cursors.pop()), { disabled: this.cursors.length === 1 }),
			make('span', {}, `Page ${formatNumber(this.cursors.length)}: ${countOf(vectors.length, 'vector')}${filtered ? `, ${formatNumber(scanned)} read for it` : ''}`),
			makeButton('Next', turn(() => this.cursors.push(cursor)), { disabled: !cursor }));
	}

	showActions(page) {
		const { bucket, index } = this.view.names;
		this.deletion = makeButton('Delete selected',
			() => askToDelete(this.view, this.table.selected(), () => this.show()), { class: 'danger', disabled: true });
		const list = { vectorBucketName: bucket, indexName: index, maxResults: Math.min(1000, Number(this.size.value)),
			returnMetadata: true };
		this.download = make('div', {});
		this.actions.replaceChildren(
			page.vectors.length ? makeColumnPicker(this.view, this.columns,
				(columns) => { this.columns = columns; this.showTable(this.table.selected()); }) : '',
			makeCopyMenu('ListVectors', list, this.view.about.service),
			makeButton('Download these',
				() => downloadVectors(this.view, this.prefix.value, this.filter, this.download)),
			make('a', { class: 'button',
				href: addressOf({ ...this.view.names, view: 'map' }, { filter: this.filter.text }) }, 'On the map'),
			this.view.about.write && page.vectors.length ? this.deletion : '', this.download);
	}

	showSelection() {
		const number = this.table.selected().length;
		this.deletion.disabled = number === 0;
		this.deletion.textContent = number ? `Delete ${formatNumber(number)} selected` : 'Delete selected';
	}
}
