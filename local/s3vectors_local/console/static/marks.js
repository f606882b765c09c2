// The marks of groups of points: told apart by color and by shape, also by the color-blind.
import { make } from './dom.js';

export const DARK = window.matchMedia('(prefers-color-scheme: dark)');
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b58900', '#56b4e9', '#7a4fbf', '#8c564b'];
const DARK_COLORS = ['#4aa8e8', '#f0884a', '#35c49a', '#e39cc4', '#e6c229', '#8fd0f7', '#b196ec', '#c9988c'];
const SHAPES = ['circle', 'square', 'triangle', 'diamond', 'down', 'plus', 'cross', 'ring'];

/** Groups that can be told apart; what is beyond them is gray. */
export const GROUPS = SHAPES.length;

const SKETCH = {
	circle: (path, x, y, r) => path.arc(x, y, r, 0, 2 * Math.PI),
	ring: (path, x, y, r) => { path.arc(x, y, r * 1.1, 0, 2 * Math.PI); path.moveTo(x + r * 0.5, y); path.arc(x, y,
		r * 0.5, 0, 2 * Math.PI, true); },
	square: (path, x, y, r) => path.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8),
	triangle: (path, x, y, r) => draw(path, [[x, y - r * 1.2], [x + r * 1.1, y + r * 0.8], [x - r * 1.1, y + r * 0.8]]),
	down: (path, x, y, r) => draw(path, [[x, y + r * 1.2], [x + r * 1.1, y - r * 0.8], [x - r * 1.1, y - r * 0.8]]),
	diamond: (path, x, y, r) => draw(path, [[x, y - r * 1.3], [x + r * 1.3, y], [x, y + r * 1.3], [x - r * 1.3, y]]),
	plus: (path, x, y, r) => { path.rect(x - r * 1.2, y - r * 0.4, r * 2.4, r * 0.8); path.rect(x - r * 0.4,
		y - r * 1.2, r * 0.8, r * 2.4); },
	cross: (path, x, y, r) => draw(path, [[-3, -2], [-2, -3], [0, -1], [2, -3], [3, -2], [1, 0], [3, 2], [2, 3],
		[0, 1], [-2, 3], [-3, 2], [-1, 0]].map(([a, b]) => [x + a * r * 0.4, y + b * r * 0.4])),
};

function draw(path, corners) {
	corners.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
	path.closePath();
}

function colorOf(group) {
	if (group < 0) return DARK.matches ? '#6b7684' : '#98a2ae';
	return (DARK.matches ? DARK_COLORS : COLORS)[group % GROUPS];
}

/** A canvas with the mark of a group for a legend; drawn again when the color scheme changes. */
export function makeMark(group, signal) {
	const canvas = make('canvas', { class: 'swatch', 'aria-hidden': 'true' });
	DARK.addEventListener('change', () => drawMark(canvas, group, 16, 5), { signal });
	drawMark(canvas, group, 16, 5);
	return canvas;
}

/** A picture of a mark, which is much faster to draw thousands of times than its outline; and its size. */
export function makeStamp(group, radius) {
	const size = Math.ceil(3 * radius) + 2;
	const canvas = make('canvas');
	drawMark(canvas, group, size, radius);
	return { canvas, size };
}

function drawMark(canvas, group, size, radius) {
	const scale = window.devicePixelRatio || 1;
	[canvas.width, canvas.height] = [size * scale, size * scale];
	const context = canvas.getContext('2d');
	context.scale(scale, scale);
	context.fillStyle = colorOf(group);
	context.beginPath();
	SKETCH[SHAPES[Math.max(group, 0) % GROUPS]](context, size / 2, size / 2, radius);
	context.fill();
}
