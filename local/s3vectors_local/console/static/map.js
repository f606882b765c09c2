// A map of an index: its vectors in two dimensions, the principal components, computed on the server.
import { call, runJob } from './api.js';
import { addressOf } from './address.js';
import { announce, formatNumber, formatScore, make, makeButton, makeField, makeSelect } from './dom.js';
import { fill, isStop, showEnd, showFailure } from './failure.js';
import { makeFilterField } from './filter.js';
import { addHeader } from './index-header.js';
import { GROUPS, Plot, drawMark } from './plot.js';
import { makeTurns, watchJob } from './progress.js';
import { readNumbers } from './query.js';
import { plainVisible, showLongText, showSnippet, showText, showValue } from './text.js';
import { makeVectorTable } from './vector-table.js';

const SIZES = ['500', '1000', '2500', '5000'];
const SIZE = '5000';
const NEIGHBORS = 8;
const ROWS = 100;
const LIT = 10;

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
    this.color = makeSelect([['', 'one color'], ...(color ? [[color, color]] : [])], color, { id: 'color', change: () => this.draw() });
    this.size = makeSelect(SIZES.map((size) => [size, formatNumber(Number(size))]), SIZES.includes(limit) ? limit : SIZE, { id: 'limit' });
    this.filter = makeFilterField(filter, () => this.form.requestSubmit());
    this.form = make('form', { class: 'toolbar', submit: (event) => { event.preventDefault(); this.draw(); }, 'aria-label': 'Map' },
      makeField('Color by', this.color), this.filter.element, makeField('At most', this.size), make('button', { type: 'submit', class: 'primary' }, 'Draw'));
    this.stage = make('div', {});
  }

  async begin() {
    const drawn = this.view.about.service.kind === 'engine' || Object.keys(this.view.parameters).length ? this.draw() : this.explainCost();
    await Promise.all([drawn, this.listColors()]);
    await this.showStart();
  }

  explainCost() {
    this.stage.replaceChildren(make('p', { class: 'empty' }, 'The map reads up to 5,000 vectors from the service, which costs as much as reading them does. “Draw” begins.'));
  }

  async listColors() {
    const { bucket, index } = this.view.place;
    try {
      await this.header;
      const { keys } = await runJob('metadata', { bucket, index }, { signal: this.view.signal });
      const known = new Set([...this.color.options].map(({ value }) => value));
      for (const { name } of keys) if (!known.has(name) && name !== this.view.textKey) this.color.append(make('option', { value: name }, plainVisible(name, 60)));
    } catch (error) {
      if (!isStop(error)) this.form.append(showFailure(error, { title: 'Metadata keys' }));
    }
  }

  request(filter) {
    const { bucket, index } = this.view.place;
    return { bucket, index, limit: Number(this.size.value), ...(this.color.value ? { color: this.color.value } : {}), ...(filter === null ? {} : { filter }) };
  }

  async draw() {
    const filter = this.filter.take();
    if (filter === undefined) return;
    const signal = this.turn();
    const { key, light, text, vector } = this.view.parameters;
    this.view.remember(this.view.place, { color: this.color.value, limit: this.size.value === SIZE ? '' : this.size.value, filter: this.filter.text, key, light, text, vector });
    const place = make('div', {});
    this.stage.prepend(place);
    try {
      this.signal = signal;
      this.showMap(await watchJob(place, 'Computing the map', 'map', this.request(filter), signal));
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
      this.stage.replaceChildren(make('p', { class: 'empty' }, this.filter.text ? 'No vector of this index matches.' : 'This index has no vectors.'));
      return;
    }
    this.makeStage();
    this.plot.setPoints(map.points, this.listGroups());
    announce(`A map of ${formatNumber(map.points.length)} vectors`);
  }

  makeStage() {
    const canvas = make('canvas', { tabindex: '0', role: 'application', 'aria-label': `Map of ${formatNumber(this.map.points.length)} vectors`, 'aria-describedby': 'map-keys' });
    this.tip = make('div', { class: 'tip', hidden: true });
    this.side = make('div', { class: 'side', 'aria-live': 'polite' });
    this.plot = new Plot(canvas, { signal: this.signal, hover: (at, x, y) => this.point(at, x, y), pick: (at) => this.pick(at) });
    const zoom = make('div', { class: 'zoom' },
      makeButton('+', () => this.plot.zoomBy(1.5), { 'aria-label': 'Zoom in' }), makeButton('−', () => this.plot.zoomBy(1 / 1.5), { 'aria-label': 'Zoom out' }), makeButton('Fit', () => this.plot.fit()));
    const table = make('details', { class: 'panel', toggle: () => this.showRows(table) }, make('summary', {}, 'The points as a table'));
    this.stage.replaceChildren(this.describeMap(), make('div', { class: 'map' },
      make('div', { class: 'canvas' }, canvas, zoom, this.tip, make('p', { class: 'note', id: 'map-keys' }, 'Arrow keys go from point to point, Enter opens one, + and − zoom, 0 shows all. Drag to move; with Ctrl, the wheel zooms.')),
      make('div', { class: 'sidebar' }, this.makeLegend(), this.makeLight(), this.side)), table);
  }

  describeMap() {
    const { variance, sample, points } = this.map;
    const share = variance.map((part) => `${(part * 100).toFixed(1)} %`);
    const both = ((variance[0] + variance[1]) * 100).toFixed(1);
    const isSample = !sample.whole;
    return make('p', { class: 'took' }, make('strong', {}, `${formatNumber(points.length)} vectors`),
      isSample ? make('span', { class: 'chip pending' }, `a sample of ${formatNumber(sample.of)}: ${sample.how}`) : ', all of them',
      `. Principal components; the horizontal one has ${share[0]} of the variance, the vertical one ${share[1]}: the picture shows ${both} %.`);
  }

  /** Of each point its color: the values of the legend by their number, the rest in gray. */
  listGroups() {
    const { colors, points } = this.map;
    if (!colors) return points.map(() => 0);
    return colors.of_point.map((value) => (value !== null && value < GROUPS && colors.values[value] && !colors.values[value].other ? value : -1));
  }

  makeLegend() {
    const { colors } = this.map;
    if (!colors) return make('div', {});
    const hidden = new Set();
    const entries = colors.values.map((entry, at) => ({ ...entry, group: at < GROUPS && !entry.other ? at : -1 }));
    const shown = entries.filter(({ group }) => group >= 0);
    const rest = entries.filter(({ group }) => group < 0).reduce((sum, { count }) => sum + count, 0);
    if (rest) shown.push({ value: 'others', count: rest, group: -1 });
    return make('section', { class: 'legend' }, make('h2', {}, showText(colors.key)), shown.map(({ value, count, group }) => {
      const mark = make('canvas', { class: 'swatch', 'aria-hidden': 'true' });
      drawMark(mark, group);
      const button = make('button', { type: 'button', class: 'entry', 'aria-pressed': 'true', click: () => {
        const visible = hidden.has(group);
        if (visible) hidden.delete(group);
        else hidden.add(group);
        button.setAttribute('aria-pressed', String(visible));
        this.plot.setHiddenGroups(hidden);
      } }, mark, value === null ? make('span', { class: 'absent' }, 'missing') : showSnippet(String(value), 60), make('span', { class: 'note' }, ` ${formatNumber(count)}`));
      return button;
    }));
  }

  makeLight() {
    const key = make('input', { id: 'light', autocomplete: 'off', spellcheck: 'false', value: '' });
    const kind = makeSelect([['key', 'like this key'], ['text', 'with these words'], ...(this.view.about.embedder ? [['embedded', 'about this text']] : [])], 'key', { id: 'light-kind' });
    this.lightAnswer = make('div', {});
    const submit = (event) => {
      event.preventDefault();
      const request = { key: { mode: 'vector', key: key.value }, text: { mode: 'text', text: key.value }, embedded: { mode: 'vector', text: key.value } }[kind.value];
      this.light(request);
    };
    return make('section', {}, make('h2', {}, 'Light up'), make('form', { class: 'light', submit },
      makeField('The nearest', kind), makeField('Key or text', key), make('button', { type: 'submit' }, 'Light up')), this.lightAnswer);
  }

  light(request, top = LIT) {
    const { bucket, index } = this.view.place;
    return fill(this.lightAnswer, async () => {
      const { results } = await watchJob(this.lightAnswer, 'Searching', 'query', { bucket, index, top_k: top, ...request }, this.view.signal);
      const lit = results.map(({ key }, at) => [this.places.get(key), at + 1]).filter(([at]) => at !== undefined);
      this.plot.setLit(new Map(lit));
      const words = `${formatNumber(lit.length)} of ${formatNumber(results.length)} results are among the points`;
      announce(words);
      return make('div', { class: 'row' }, make('p', { class: 'note' }, words), makeButton('Clear', () => { this.plot.setLit(new Map()); this.lightAnswer.replaceChildren(); }, { class: 'small' }));
    });
  }

  /** What the address asks for: a point that is chosen, or a query whose answers light up. */
  async showStart() {
    const { key, light, text, vector, top_k: top } = this.view.parameters;
    if (!this.plot) return;
    if (light) await this.light({ mode: light, ...(key ? { key } : {}), ...(text ? { text } : {}), ...(vector ? { vector: readNumbers(vector) } : {}) }, Number(top) || LIT);
    else if (this.places.has(key)) await this.pick(this.places.get(key));
    else if (key) this.side.replaceChildren(make('p', { class: 'note' }, showText(key), ' is not among the points of this map.'));
  }

  point(at, x, y) {
    this.tip.hidden = at < 0;
    clearTimeout(this.reading);
    if (at < 0) return;
    const key = this.map.keys[at];
    const words = make('div', { class: 'words' });
    this.tip.replaceChildren(make('strong', { class: 'mono' }, showSnippet(key, 60)), this.describeColor(at) ?? '', words);
    this.tip.classList.toggle('left', x > this.tip.parentElement.clientWidth / 2);
    this.tip.style.left = `${x}px`;
    this.tip.style.top = `${y}px`;
    announce(plainVisible(key));
    this.reading = setTimeout(() => this.readText(key, words), this.vectors.has(key) ? 0 : 80);
  }

  describeColor(at) {
    const { colors } = this.map;
    const entry = colors?.values[colors.of_point[at]];
    return entry ? make('div', { class: 'note' }, showText(colors.key), ': ', entry.value === null ? 'missing' : showSnippet(String(entry.value), 60)) : null;
  }

  async readText(key, words) {
    try {
      const metadata = await this.readMetadata(key);
      const text = metadata[this.view.textKey];
      words.replaceChildren(text === undefined ? '' : showSnippet(String(text), 240));
    } catch (error) {
      if (!isStop(error)) words.replaceChildren(showFailure(error));
    }
  }

  async readMetadata(key) {
    if (!this.vectors.has(key)) {
      const { bucket, index } = this.view.place;
      const { vectors } = await call('GetVectors', { vectorBucketName: bucket, indexName: index, keys: [key], returnMetadata: true }, this.view.signal);
      this.vectors.set(key, vectors[0]?.metadata ?? {});
    }
    return this.vectors.get(key);
  }

  /** Show the row of a point and its neighbors. */
  pick(at) {
    const { bucket, index } = this.view.place;
    const key = this.map.keys[at];
    this.plot.setPicked(at);
    return fill(this.side, async () => {
      const metadata = await this.readMetadata(key);
      const { results } = await watchJob(this.side, 'Looking for neighbors', 'query', { bucket, index, key, mode: 'vector', top_k: NEIGHBORS + 1 }, this.view.signal);
      const neighbors = results.filter((result) => result.key !== key).slice(0, NEIGHBORS);
      this.plot.setPicked(at, neighbors.map((result) => this.places.get(result.key)).filter((other) => other !== undefined));
      return this.describePoint(key, metadata, neighbors);
    });
  }

  describePoint(key, metadata, neighbors) {
    const { bucket, index } = this.view.place;
    const textKey = this.view.textKey;
    const others = Object.entries(metadata).filter(([name]) => name !== textKey);
    return make('section', {}, make('h2', {}, make('a', { class: 'mono', href: addressOf({ bucket, index, key }) }, showSnippet(key, 60))),
      make('dl', { class: 'facts' }, others.map(([name, value]) => make('div', {}, make('dt', {}, showText(name)), make('dd', {}, showValue(value))))),
      metadata[textKey] !== undefined && make('div', { class: 'prose' }, showLongText(String(metadata[textKey]), { most: 400 })),
      make('h3', {}, 'Nearest neighbors'), make('ol', { class: 'neighbors' }, neighbors.map((one) => make('li', {},
        makeButton('', () => this.goTo(one.key), { class: 'link' }).appendChild(showSnippet(one.key, 48)).parentElement, make('span', { class: 'note' }, ` ${formatScore(one.distance)}`)))));
  }

  goTo(key) {
    const at = this.places.get(key);
    if (at === undefined) window.location.hash = addressOf({ ...this.view.place, key });
    else this.pick(at);
  }

  showRows(details) {
    if (!details.open || details.children.length > 1) return;
    let page = 0;
    const place = make('div', {});
    const show = () => {
      const keys = this.map.keys.slice(page * ROWS, (page + 1) * ROWS);
      const before = [
        ['Horizontal', ({ at }) => ({ numeric: formatScore(this.map.points[at][0]) })], ['Vertical', ({ at }) => ({ numeric: formatScore(this.map.points[at][1]) })],
        ...(this.map.colors ? [[make('span', {}, showText(this.map.colors.key)), ({ at }) => this.describeColor(at) ?? '–']] : []),
      ];
      const rows = keys.map((key, offset) => ({ key, at: page * ROWS + offset }));
      place.replaceChildren(makeVectorTable(this.view, rows, { columns: [], before }).element, make('nav', { class: 'row pager', 'aria-label': 'Pages of points' },
        makeButton('Previous', () => { page -= 1; show(); }, { disabled: page === 0 }),
        make('span', {}, `Points ${formatNumber(page * ROWS + 1)} to ${formatNumber(page * ROWS + keys.length)} of ${formatNumber(this.map.keys.length)}`),
        makeButton('Next', () => { page += 1; show(); }, { disabled: (page + 1) * ROWS >= this.map.keys.length })));
    };
    details.append(place);
    show();
  }
}
