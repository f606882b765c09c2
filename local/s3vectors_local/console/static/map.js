// A map of an index: its vectors in two dimensions, the principal components, computed on the server.
import { call, runJob } from './api.js';
import { addressOf } from './address.js';
import {
	announce, countOf, formatNumber, make, makeButton, makeField, makeForm, makeNote, makeSelect, makeSubmit,
} from './dom.js';
import { fill, isStop, showEnd, showFailure } from './failure.js';
import { makeFilterField } from './filter.js';
import { addHeader } from './index-header.js';
import { makeFinder } from './finder.js';
import { listGroups, makeLegend } from './legend.js';
import { readNumbers } from './numbers.js';
import { Plot } from './plot.js';
import { describePoint, makePointTable } from './points.js';
import { findNeighbors, makeTurns, watchJob } from './progress.js';
import { plainVisible, readValue, showSnippet, showText, showValue } from './text.js';

const SIZES = ['500', '1000', '2500', '5000'];
const SIZE = '5000';
const NEIGHBORS = 8;
const KEYS = 'Arrow keys go from point to point, Enter opens one, + and − zoom, 0 shows all. '
	+ 'Drag to move; with Ctrl, the wheel zooms.';
const OLD = 60; // seconds: a map that was drawn longer ago says so
const TIP = 14; // pixels between a point and what is said of it

export async function showMap(view) {
	const header = addHeader(view);
	const map = new Map2D(view, header);
	view.root.append(map.form, map.stage);
	await map.begin();
}

class Map2D {
	constructor(view, header) {
		Object.assign(this, { view, header });
		this.vectors = new Map(); // key to metadata, read when they are pointed at
		this.turn = makeTurns(view.signal);
		const { color = '', limit = SIZE, filter = '' } = view.parameters;
		this.color = makeSelect([['', 'one color'], ...(color ? [[color, color]] : [])], color,
			{ id: 'color', change: () => this.draw() });
		this.size = makeSelect(SIZES.map((size) => [size, formatNumber(Number(size))]),
			SIZES.includes(limit) ? limit : SIZE, { id: 'limit' });
		this.filter = makeFilterField(filter, () => this.form.requestSubmit());
		this.form = makeForm(() => this.draw(), { class: 'toolbar', 'aria-label': 'Map' },
			makeField('Color by', this.color), this.filter.element, makeField('At most', this.size), makeSubmit('Draw'));
		this.stage = make('div', {});
	}

	async begin() {
		if (this.view.about.service.kind !== 'engine' && !Object.keys(this.view.parameters).length) {
			this.explainCost();
			return;
		}
		await this.draw();
		await this.showStart();
	}

	explainCost() {
		this.stage.replaceChildren(make('p', { class: 'empty' },
			'The map reads up to 5,000 vectors, and up to 1,000 more to list the keys to color by. AWS may charge for these reads. Choose “Draw” to start.'));
	}

	async listColors() {
		try {
			await this.header;
			const { keys } = await runJob('metadata', this.view.names, { signal: this.view.signal });
			const known = new Set([...this.color.options].map(({ value }) => value));
			for (const { name, filterable } of keys) if (filterable
				&& !known.has(name)) this.color.append(make('option', { value: name }, plainVisible(name, 60)));
		} catch (error) {
			if (!isStop(error)) this.form.append(showFailure(error, { title: 'Metadata keys' }));
		}
	}

	request(filter) {
		return { ...this.view.names, limit: Number(this.size.value),
			...(this.color.value ? { color: this.color.value } : {}), ...(filter === null ? {} : { filter }) };
	}

	async draw(refresh = false) {
		const filter = this.filter.take();
		if (filter === undefined) return;
		this.listing ??= this.listColors();
		const signal = this.turn();
		const { key, light, text, vector } = this.view.parameters;
		this.view.remember(this.view.place, { color: this.color.value,
			limit: this.size.value === SIZE ? '' : this.size.value, filter: this.filter.text, key, light, text, vector });
		const place = make('div', {});
		this.stage.prepend(place);
		try {
			this.signal = signal;
			this.showMap(await watchJob(place, 'Computing the map', 'map', { ...this.request(filter), refresh }, signal));
		} catch (error) {
			if (!signal.aborted) showEnd(error, this.stage, { filter: this.filter, retry: () => this.draw() });
		} finally {
			place.remove();
		}
	}

	showMap(map) {
		this.map = map;
		this.places = new Map(map.keys.map((key, at) => [key, at]));
		if (map.points.length === 0) {
			this.stage.replaceChildren(make('p', { class: 'empty' },
				this.filter.text ? 'No vector of this index matches.' : 'This index has no vectors.'));
			return;
		}
		this.makeStage();
		announce(`A map of ${countOf(map.points.length, 'vector')}`);
	}

	makeStage() {
		const canvas = make('canvas', { tabindex: '0', role: 'application',
			'aria-label': `Map of ${countOf(this.map.points.length, 'vector')}`, 'aria-describedby': 'map-keys' });
		this.tip = make('div', { class: 'tip', hidden: true });
		this.side = make('div', { class: 'side', 'aria-live': 'polite' });
		this.plot = new Plot(canvas, { points: this.map.points, groups: listGroups(this.map), signal: this.signal, hover: (at, x, y) => this.point(at, x, y),
			pick: (at) => this.pick(at) });
		const zoom = make('div', { class: 'zoom' },
			makeButton('+', () => this.plot.zoomBy(1.5), { 'aria-label': 'Zoom in' }),
			makeButton('−', () => this.plot.zoomBy(1 / 1.5), { 'aria-label': 'Zoom out' }),
			makeButton('Fit', () => this.plot.fit()));
		this.finder = makeFinder(this.view, this.plot, this.places);
		const legend = makeLegend(this.map, (hidden) => this.plot.setHiddenGroups(hidden), this.signal);
		const keys = make('p', { class: 'note', id: 'map-keys' }, KEYS);
		this.stage.replaceChildren(
			this.describeMap(),
			make('div', { class: 'map' },
				make('div', { class: 'canvas' }, canvas, zoom, this.tip, keys),
				make('div', { class: 'sidebar' }, legend, this.finder.element, this.side)),
			makePointTable(this.view, this.map));
	}

	describeMap() {
		const { variance, sample, points, age } = this.map;
		const share = variance.map((part) => `${(part * 100).toFixed(1)} %`);
		const both = ((variance[0] + variance[1]) * 100).toFixed(1);
		const part = make('span', { class: 'chip pending' }, `a sample of ${formatNumber(sample.of)}: ${sample.how}`);
		const again = () => makeButton('Read the vectors again', () => this.draw(true), { class: 'small' });
		const isOld = age > OLD && this.view.about.service.kind !== 'engine';
		return make('p', { class: 'took' }, make('strong', {}, countOf(points.length, 'vector')),
			sample.whole ? ', all of them' : part,
			`. Principal components; the horizontal one has ${share[0]} of the variance, `,
			`the vertical one ${share[1]}: the picture shows ${both} %.`,
			isOld && [` Drawn ${formatNumber(Math.round(age))} seconds ago. `, again()]);
	}

	/** What the address asks for: a point that is chosen, or a query whose answers light up. */
	async showStart() {
		const { key, light, text, vector, top_k: top } = this.view.parameters;
		if (!this.plot) return;
		const asked = { ...(key ? { key } : {}), ...(text ? { text } : {}),
			...(vector ? { vector: readNumbers(vector) } : {}) };
		if (light) await this.finder.find({ mode: light, ...asked }, Number(top) || undefined);
		else if (this.places.has(key)) await this.pick(this.places.get(key));
		else if (key) this.side.replaceChildren(makeNote(showText(key), ' is not among the points of this map.'));
	}

	point(at, x, y) {
		this.tip.hidden = at < 0;
		clearTimeout(this.reading);
		if (at < 0) return;
		const key = this.map.keys[at];
		const words = make('div', { class: 'words' });
		this.tip.replaceChildren(make('strong', { class: 'mono' }, showSnippet(key, 60)), words);
		this.placeTip(x, y);
		announce(plainVisible(key));
		this.reading = setTimeout(() => this.readText(key, words).then(() => this.placeTip(x, y)),
			this.vectors.has(key) ? 0 : 80);
	}

	/** Beside the point, and on the map. */
	placeTip(x, y) {
		const { clientWidth: width, clientHeight: height } = this.plot.canvas;
		const isRight = x + TIP + this.tip.offsetWidth <= width;
		this.tip.style.left = `${Math.max(0, isRight ? x + TIP : x - TIP - this.tip.offsetWidth)}px`;
		this.tip.style.top = `${Math.max(0, Math.min(y + TIP, height - this.tip.offsetHeight))}px`;
	}

	async readText(key, words) {
		try {
			const metadata = await this.readMetadata(key);
			const text = readValue(metadata, this.view.textKey);
			const color = this.map.colors?.key;
			const shown = color ? makeNote(showText(color), ': ', showValue(readValue(metadata, color))) : '';
			words.replaceChildren(shown, text === undefined ? '' : showSnippet(String(text), 240));
		} catch (error) {
			if (!isStop(error)) words.replaceChildren(showFailure(error));
		}
	}

	async readMetadata(key) {
		if (!this.vectors.has(key)) {
			const { bucket, index } = this.view.place;
			const { vectors } = await call('GetVectors',
				{ vectorBucketName: bucket, indexName: index, keys: [key], returnMetadata: true }, this.view.signal);
			this.vectors.set(key, vectors[0]?.metadata ?? {});
		}
		return this.vectors.get(key);
	}

	/** Show the row of a point and its neighbors. */
	pick(at) {
		const key = this.map.keys[at];
		this.plot.setPicked(at);
		return fill(this.side, async () => {
			const metadata = await this.readMetadata(key);
			const neighbors = await findNeighbors(this.view, key, NEIGHBORS, this.side);
			this.plot.setPicked(at, neighbors.map((result) => this.places.get(result.key)).filter((other) =>
				other !== undefined));
			return describePoint(this.view, { key, metadata, neighbors }, (other) => this.goTo(other));
		});
	}

	goTo(key) {
		const at = this.places.get(key);
		if (at === undefined) window.location.hash = addressOf({ ...this.view.place, key });
		else this.pick(at);
	}
}
