// Open pages in a real browser, run a script in each, and print the results.
// node browser.mjs PACKAGES < {"resolve": {"name": "127.0.0.1"}, "pages": [[url, script], …]}
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const require = createRequire(`${process.argv[2]}/node_modules/`);
const { chromium: browsers } = require('playwright-core');
const { resolve, pages } = JSON.parse(await text(process.stdin));

const rules = Object.entries(resolve).map(([name, address]) => `MAP ${name} ${address}`);
const browser = await browsers.launch({
  executablePath: `${process.argv[2]}/browser/chromium`, // `make test` unpacks it
  headless: true,
  args: [
    // Not chromium.args: they have --disable-web-security, which would disable what the tests check
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    `--host-resolver-rules=${[...rules, 'MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'].join(', ')}`,
  ],
});
const results = [];
for (const [url, script] of pages) {
  const page = await browser.newPage();
  await page.goto(url);
  results.push(await page.evaluate(`(async () => { ${script} })()`));
  await page.close();
}
await browser.close();
console.log(JSON.stringify(results));
