// Points on a canvas: groups by color and shape, zoom, and a pointer that the keyboard moves, too.

import { DARK, makeStamp } from './marks.js';
import { findExtremes } from './numbers.js';

const REACH = 14; // pixels between the pointer and a point that it means
const MARGIN = 24;
const STEP = 1.3;

export class Plot {
	/** `groups` has each point's; `hover(at, x, y)` is called with the point under the pointer or -1, `pick(at)` with one that is chosen. */
	constructor(canvas, { points, groups, hover, pick, signal }) {
		Object.assign(this, { canvas, points, groups, hover, pick, signal });
		this.hiddenGroups = new Set();
		this.lit = new Map(); // point to rank
		this.pointed = -1;
		this.picked = -1;
		this.near = new Set();
		this.fit();
		this.listen();
	}

	setLit(lit) {
		this.lit = lit;
		this.redraw();
	}

	setHiddenGroups(hidden) {
		this.hiddenGroups = hidden;
		this.redraw();
	}

	setPicked(at, near = []) {
		this.picked = at;
		this.near = new Set(near);
		this.redraw();
	}

	fit() {
		[this.zoom, this.shiftX, this.shiftY] = [1, 0, 0];
		const xs = this.points.map(([x]) => x);
		const ys = this.points.map(([, y]) => y);
		const [left, right] = findExtremes(xs);
		const [bottom, top] = findExtremes(ys);
		this.middle = [(left + right) / 2, (bottom + top) / 2];
		this.extent = [right - left || 1, top - bottom || 1];
		this.redraw();
	}

	/** How the plane of the points is shown now. */
	frame() {
		const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
		const [wide, high] = this.extent;
		const scale = Math.min((width - 2 * MARGIN) / wide, (height - 2 * MARGIN) / high) * this.zoom;
		return {
			scale, x: width / 2 - this.middle[0] * scale + this.shiftX, y: height / 2 + this.middle[1] * scale + this.shiftY,
		};
	}

	/** Where a point is on the canvas, in CSS pixels. */
	locate(at, { scale, x, y } = this.frame()) {
		return [x + this.points[at][0] * scale, y - this.points[at][1] * scale];
	}

	redraw() {
		if (this.waiting) return;
		this.waiting = true;
		requestAnimationFrame(() => {
			this.waiting = false;
			this.paint();
		});
	}

	paint() {
		const scale = window.devicePixelRatio || 1;
		const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
		if (!width || !this.points.length) return;
		[this.canvas.width, this.canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
		this.context = this.canvas.getContext('2d');
		this.context.scale(scale, scale);
		this.paintGroups();
		this.paintMarks();
	}

	paintGroups() {
		const radius = Math.max(2.2, Math.min(4.5, 90 / Math.sqrt(this.points.length))) * Math.min(2, Math.sqrt(this.zoom));
		const shown = this.points.map((_, at) => at).filter((at) => this.isShown(at));
		this.context.globalAlpha = this.lit.size ? 0.22 : 0.78;
		this.stamp(shown, radius);
		this.context.globalAlpha = 1;
		this.stamp(this.lit.keys(), radius * 1.5);
	}

	stamp(points, radius) {
		const stamps = new Map();
		const frame = this.frame();
		for (const at of points) {
			const group = this.groups[at];
			if (!stamps.has(group)) stamps.set(group, makeStamp(group, radius));
			const { canvas, size } = stamps.get(group);
			const [x, y] = this.locate(at, frame);
			this.context.drawImage(canvas, x - size / 2, y - size / 2, size, size);
		}
	}

	paintMarks() {
		const ink = getComputedStyle(this.canvas).color;
		this.context.strokeStyle = ink;
		this.context.font = '600 11px system-ui, sans-serif';
		for (const [at, rank] of this.lit) this.encircle(at, 9, 1.5, String(rank));
		for (const at of this.near) this.encircle(at, 8, 1);
		if (this.picked >= 0) this.encircle(this.picked, 11, 3);
		if (this.pointed >= 0) this.encircle(this.pointed, 11, 2);
	}

	encircle(at, radius, width, label = '') {
		const [x, y] = this.locate(at);
		this.context.lineWidth = width;
		this.context.beginPath();
		this.context.arc(x, y, radius, 0, 2 * Math.PI);
		this.context.stroke();
		if (!label) return;
		this.context.fillStyle = this.context.strokeStyle;
		this.context.fillText(label, x + radius + 2, y - radius + 6);
	}

	listen() {
		const on = (target, name, listener, options = {}) =>
			target.addEventListener(name, listener, { signal: this.signal, ...options });
		on(this.canvas, 'pointermove', (event) => this.move(event));
		on(this.canvas, 'pointerleave', () => this.point(-1));
		on(this.canvas, 'pointerdown', (event) => { this.drag = { x: event.clientX, y: event.clientY,
			far: false }; this.canvas.setPointerCapture(event.pointerId); });
		on(this.canvas, 'pointerup', () => this.drop());
		on(this.canvas, 'wheel', (event) => this.wheel(event), { passive: false });
		on(this.canvas, 'keydown', (event) => this.press(event));
		on(DARK, 'change', () => this.redraw());
		const observer = new ResizeObserver(() => { this.point(-1); this.redraw(); });
		observer.observe(this.canvas);
		this.signal.addEventListener('abort', () => observer.disconnect());
	}

	move(event) {
		if (this.drag) {
			const [x, y] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
			if (!this.drag.far && Math.hypot(x, y) < 4) return;
			this.drag = { x: event.clientX, y: event.clientY, far: true };
			this.shiftX += x;
			this.shiftY += y;
			this.redraw();
			return;
		}
		const box = this.canvas.getBoundingClientRect();
		this.point(this.findNearest(event.clientX - box.left, event.clientY - box.top));
	}

	drop() {
		const clicked = this.drag && !this.drag.far;
		this.drag = null;
		if (clicked && this.pointed >= 0) this.pick(this.pointed);
	}

	wheel(event) {
		if (!event.ctrlKey && !event.metaKey && document.activeElement !== this.canvas) return; // the page scrolls
		event.preventDefault();
		const box = this.canvas.getBoundingClientRect();
		this.zoomBy(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX - box.left, event.clientY - box.top);
	}

	/** Zoom around a place that stays where it is. */
	zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
		const zoom = Math.min(200, Math.max(0.5, this.zoom * factor));
		const [fromX, fromY] = [x - this.canvas.clientWidth / 2, y - this.canvas.clientHeight / 2];
		this.shiftX = fromX - (fromX - this.shiftX) * (zoom / this.zoom);
		this.shiftY = fromY - (fromY - this.shiftY) * (zoom / this.zoom);
		this.zoom = zoom;
		this.redraw();
	}

	press(event) {
		const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
		if (direction) this.point(this.findNext(direction));
		else if (event.key === '+' || event.key === '=') this.zoomBy(STEP);
		else if (event.key === '-') this.zoomBy(1 / STEP);
		else if (event.key === '0') this.fit();
		else if (event.key === 'Enter' && this.pointed >= 0) this.pick(this.pointed);
		else if (event.key === 'Escape') this.point(-1);
		else return;
		event.preventDefault();
	}

	point(at) {
		if (at === this.pointed) return;
		this.pointed = at;
		this.canvas.classList.toggle('pointing', at >= 0);
		this.hover(at, ...(at >= 0 ? this.locate(at) : [0, 0]));
		this.redraw();
	}

	isShown(at) {
		return !this.hiddenGroups.has(this.groups[at]);
	}

	findNearest(x, y) {
		let [best, distance] = [-1, REACH];
		const frame = this.frame();
		for (let at = 0; at < this.points.length; at += 1) {
			const [px, py] = this.locate(at, frame);
			const away = Math.hypot(px - x, py - y);
			if (away < distance && this.isShown(at)) [best, distance] = [at, away];
		}
		return best;
	}

	/** The point that an arrow key leads to: near, and in its direction. */
	findNext([dx, dy]) {
		if (this.pointed < 0) return this.points.findIndex((_, at) => this.isShown(at));
		const [x, y] = this.locate(this.pointed);
		let [best, distance] = [this.pointed, Infinity];
		const frame = this.frame();
		for (let at = 0; at < this.points.length; at += 1) {
			const [px, py] = this.locate(at, frame);
			const [along, across] = [(px - x) * dx + (py - y) * dy, Math.abs((px - x) * dy + (py - y) * dx)];
			if (along <= 0.5 || !this.isShown(at)) continue;
			if (along + 2 * across < distance) [best, distance] = [at, along + 2 * across];
		}
		return best;
	}
}
