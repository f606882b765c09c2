// Starts the console: takes the token, asks what is served, and shows the view that the address names.
import { readAbout, storeToken, takeToken } from './api.js';
import { addressOf, parseAddress, setRegion } from './address.js';
import {
	announce, make, makeField, makeForm, makeInput, makeSelect, makeSubmit, markCurrent, replaceContent,
} from './dom.js';
import { isStop, setLevel, showFailure } from './failure.js';
import { plainVisible } from './text.js';
import { markTree, showTree } from './tree.js';
import { showOverview } from './overview.js';
import { showBucket } from './bucket.js';
import { showIndex } from './index-overview.js';
import { showBrowse } from './browse.js';
import { showVector } from './vector.js';
import { showQuery } from './query.js';
import { showMap } from './map.js';
import { showTransfer } from './transfer.js';
import { showRequests } from './requests.js';

const VIEWS = {
	overview: showOverview, bucket: showBucket, index: showIndex, browse: showBrowse, vector: showVector,
	query: showQuery, map: showMap, transfer: showTransfer, requests: showRequests,
};

const main = document.getElementById('main');
let about = null; // until the server has answered
let running = new AbortController();
let shownPlace = '';
let shownRegion; // undefined until the first view

/** Follow the address, which may bring a token: then of a server that was started anew. */
function followAddress() {
	if (takeToken() || about === null) start();
	else showView();
}

async function start() {
	leaveView();
	about = null;
	setRegion(null);
	try {
		about = await readAbout();
	} catch (error) {
		if (about === null) showStartFailure(error);
		return;
	}
	setLevel(about.level);
	shownRegion = undefined;
	showView();
}

function leaveView() {
	running.abort();
	for (const dialog of document.querySelectorAll('dialog')) dialog.close();
}

function showStartFailure(error) {
	if (error.code !== 'TokenRequired') {
		replaceContent(main, make('h1', {}, 'S3 Vectors console'), showFailure(error, { retry: start }));
		return;
	}
	const input = makeInput('token', { type: 'password', required: true });
	const submit = () => {
		storeToken(input.value.trim().replace(/^.*#token=/, ''));
		start();
	};
	replaceContent(main, makeForm(submit, { class: 'panel narrow' }, make('h1', {}, 'Token'),
		showFailure(error),
		makeField('Token', input,
			'When the console starts, it prints an address that ends with #token=… Open that address, or paste it or the token here.'),
		makeSubmit('Open the console')));
	input.focus();
}

function showService() {
	const { kind, name, endpoint } = about.service;
	const words = { engine: 'local engine', aws: 'AWS', endpoint: 'endpoint' }[kind] ?? kind;
	replaceContent(document.getElementById('service'),
		make('span', { class: `chip ${kind}`, title: [name, endpoint].filter(Boolean).join(' · ') }, words),
		showRegions(),
		make('span', { class: about.write ? 'chip danger' : 'chip' }, about.write ? 'write' : 'read only'));
	const places = [[addressOf({}), 'Overview'],
		...(about.requests ? [[addressOf({ view: 'requests' }), 'Requests']] : [])];
	replaceContent(document.getElementById('places'), places.map(([href, text]) => make('a', { href }, text)));
}

/** The region; a choice where there are several. */
function showRegions() {
	const { region, regions = [] } = about.service;
	const shown = shownRegion ?? region;
	if (regions.length < 2 && shown === region) return region && make('span', { class: 'chip' }, region);
	const names = [...new Set([...regions, shown])];
	return makeSelect(names.map((name) => [name, name]), shown, {
		'aria-label': 'Region', class: 'small',
		change: (event) => {
			setRegion(event.target.value === region ? null : event.target.value);
			window.location.hash = addressOf({});
		},
	});
}

/** Ask for, and link to, what is in this region. */
function enterRegion(region) {
	setRegion(region);
	if (region === shownRegion) return;
	shownRegion = region;
	showService();
	showTree(document.getElementById('tree'), about);
}

async function showView() {
	leaveView();
	running = new AbortController();
	const { signal } = running;
	const place = parseAddress(window.location.hash);
	enterRegion(place?.region ?? null);
	markPlace(place);
	const root = make('div', { class: 'view' });
	main.replaceChildren(root);
	announce('');
	if (place === null) {
		replaceContent(root, make('h1', {}, 'No such page'),
			make('p', {}, make('a', { href: addressOf({}) }, 'Go to the overview')));
		return;
	}
	try {
		const { bucket, index, parameters } = place;
		const names = { bucket, index };
		await VIEWS[place.view]({ root, signal, place, names, about, parameters, remember: makeMemory(), reload: showView });
	} catch (error) {
		if (!isStop(error) && !signal.aborted) root.append(showFailure(error, { retry: showView }));
	}
}

function markPlace(place) {
	const names = place ? [place.key, place.view === 'overview' ? null : place.view, place.index, place.bucket]
		: ['No such page'];
	const title = [...names.filter((name) => name !== undefined
		&& name !== null).map((name) => plainVisible(name, 60)), 'S3 Vectors console'];
	document.title = title.join(' · ');
	for (const link of document.querySelectorAll('#places a')) {
		markCurrent(link, place && link.hash === addressOf({ view: place.view === 'overview' ? '' : place.view }));
	}
	markTree(place);
	closeMenu();
	const samePlace = JSON.stringify([place?.region, place?.bucket, place?.index, place?.view, place?.key]);
	if (shownPlace && samePlace !== shownPlace) main.focus({ preventScroll: true });
	if (samePlace !== shownPlace) window.scrollTo(0, 0);
	shownPlace = samePlace;
}

/**
 * A function that gives what a view shows an address of its own, without showing it anew. The first time, it is
 * another writing of the address that led here, and Back should not lead to it again.
 */
function makeMemory() {
	let change = 'replaceState';
	return (place, parameters) => {
		const address = addressOf(place, parameters);
		if (address !== window.location.hash) window.history[change](null, '', address);
		change = 'pushState';
	};
}

const menu = document.getElementById('menu');

function closeMenu() {
	menu.setAttribute('aria-expanded', 'false');
}

menu.addEventListener('click', () => {
	menu.setAttribute('aria-expanded', String(menu.getAttribute('aria-expanded') === 'false'));
});
document.addEventListener('keydown', (event) => {
	if (event.key === 'Escape') closeMenu();
});
document.querySelector('.skip').addEventListener('click', (event) => {
	event.preventDefault(); // its address is not one of a view
	main.focus();
});

window.addEventListener('hashchange', followAddress);
followAddress();
