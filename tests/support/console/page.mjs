// A real browser that runs the commands of tests. Each command is a line: ["name", …arguments].
// Each result is a line: {"value": …} or {"error": "…"}.
// node page.mjs PACKAGES
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.argv[2]}/node_modules/`);
const { chromium: browsers } = require('playwright-core');
const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
const TIMEOUT = 30_000; // milliseconds until an expected state counts as missing
// Chromium's own message for each error response; the page shows the error itself
const ERROR_RESPONSES = /^Failed to load resource: (the server responded with a status of|net::ERR_)/;

const browser = await browsers.launch({
  executablePath: `${process.argv[2]}/browser/chromium`, // `make test` unpacks it
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--no-first-run',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ],
});

let page;
let faults = [];

/** Open a page in a new browser context, which refuses requests to hosts other than the server. */
async function open({ origin, width, height, dark, reducedMotion, forcedColors }) {
  await page?.context().close();
  faults = [];
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    forcedColors: forcedColors ? 'active' : 'none', acceptDownloads: true, permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(TIMEOUT);
  await context.route((url) => url.origin !== origin, (route) => {
    faults.push(`a request to another host: ${route.request().url()}`);
    return route.abort();
  });
  page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' && !ERROR_RESPONSES.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.stack}`));
  page.on('dialog', (dialog) => { faults.push(`a dialog: ${dialog.message()}`); return dialog.dismiss(); });
}

/** Wait until an expression is true. The page's content security policy forbids waitForFunction. */
async function waitUntil(expression) {
  const timeout = new Promise((_, reject) => { setTimeout(() => reject(new Error(`never true: ${expression}`)), TIMEOUT).unref(); });
  const holds = page.evaluate(`(async () => { while (!(${expression})) await new Promise(requestAnimationFrame); })()`);
  await Promise.race([holds, timeout]);
}

/** Return the violations of WCAG 2.2, level AA, and of axe's best practices. */
async function audit() {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(`${axe}; undefined`);
  const { violations } = await page.evaluate('axe.run(document)');
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`));
}

const byRole = (role, name) => page.getByRole(role, { name, exact: true }).first();

const COMMANDS = {
  open,
  goto: (url) => page.goto(url).then(() => undefined),
  click: (role, name) => byRole(role, name).click(),
  fill: (label, text) => page.getByLabel(label, { exact: true }).first().fill(text),
  choose: (label, value) => page.getByLabel(label, { exact: true }).first().selectOption(value).then(() => undefined),
  check: (label) => page.getByLabel(label, { exact: true }).first().check(),
  upload: (label, path) => page.getByLabel(label, { exact: true }).setInputFiles(path),
  press: (key) => page.keyboard.press(key),
  type: (text) => page.keyboard.type(text),
  wait: (text) => page.getByText(text).first().waitFor(),
  waitFor: (selector) => page.locator(selector).first().waitFor(),
  waitUntil,
  text: (selector) => page.locator(selector).first().innerText(),
  texts: (selector) => page.locator(selector).allInnerTexts(),
  count: (selector) => page.locator(selector).count(),
  evaluate: (expression) => page.evaluate(expression),
  scheme: (name) => page.emulateMedia({ colorScheme: name }),
  resize: (width, height) => page.setViewportSize({ width, height }),
  screenshot: (path, whole = false) => page.screenshot({ path, fullPage: whole, animations: 'disabled', caret: 'hide' }).then(() => undefined),
  async download(role, name) {
    const [download] = await Promise.all([page.waitForEvent('download'), byRole(role, name).click()]);
    return [download.suggestedFilename(), await readFile(await download.path(), 'utf8')];
  },
  audit,
  faults: () => faults,
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...parameters] = JSON.parse(line);
  let result;
  try {
    result = { value: (await COMMANDS[name](...parameters)) ?? null };
  } catch (error) {
    result = { error: error.message };
  }
  console.log(JSON.stringify(result));
}
await browser.close();
