// Drives the page: node browser.mjs MODULES CHROMIUM ADDRESS FOLDER
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [modules, executablePath, address, folder] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "node_modules", "x"))("playwright-core");
const profile = mkdtempSync(join(tmpdir(), "reverie-browser-"));
const browser = await chromium.launchPersistentContext(profile, { executablePath, args: ["--headless",
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"], viewport: { width: 1280, height: 900 } });
const page = browser.pages()[0] ?? await browser.newPage();
const origin = new URL(address).origin;
let failures = 0;

function expect(good, what) {
  if (good) return;
  failures++;
  console.log(`FAILED: ${what}`);
}
const text = (selector) => page.textContent(selector);
const until = (test, argument) => page.waitForFunction(test, argument, { timeout: 30000 });
const shot = (name) => page.screenshot({ path: join(modules, `${name}.png`), fullPage: true });
const parameter = (name) => page.inputValue(`#option-${name}`);

page.on("console", (message) => {
  const refused = /status of 40[04]|ERR_INTERNET_DISCONNECTED/.test(message.text()); // on purpose
  if (message.type() === "error" && !refused) expect(false, `the console says ${message.text()}`);
});
page.on("pageerror", (error) => expect(false, `the page throws ${error.message}`));
page.on("request", (request) => {
  const url = request.url();
  if (!url.startsWith(`${origin}/`) && !url.startsWith("blob:")) expect(false, `a request goes to ${url}`);
});

async function drop(name, bytes) {
  const data = await page.evaluateHandle(([file, numbers]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(numbers)], file));
    return transfer;
  }, [name, bytes]);
  await page.dispatchEvent("#frame", "drop", { dataTransfer: data });
}

async function beginning() {
  await page.goto(address);
  await page.waitForSelector("#presets label");
  await page.waitForSelector("#option-step");
  expect(await page.isVisible("#empty") && !await page.isVisible("#transport"), "it does not begin empty");
  await shot("empty");
  await drop("text.txt", [...Buffer.from("no picture")]);
  await page.waitForSelector("#notice.bad:visible");
  expect(/text\.txt/.test(await text("#notice p")), `a text is refused with ${await text("#notice p")}`);
  await page.click("#notice button");
}

async function watching() {
  await page.setInputFiles("#file", join(folder, "photo.png"));
  await until(() => /step [1-9]/.test(document.querySelector("#status").textContent));
  const first = await page.getAttribute("#after", "src");
  await until((before) => document.querySelector("#after").getAttribute("src") !== before, first);
  expect(await page.isVisible("#transport"), "no buttons");
  expect(/^\/?#/.test(new URL(page.url()).hash || "#") && page.url().includes("octaves=3"),
    `the address is ${page.url()}`);
  expect(!page.url().includes("token"), "the address still holds the token");
}

async function changing() {
  await page.click("body", { position: { x: 5, y: 5 } });
  await page.keyboard.press("Space");
  await until(() => /Paused/.test(document.querySelector("#status").textContent));
  const slider = page.locator("#strength input[type=range]");
  await slider.focus();
  for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowRight");
  await slider.evaluate((one) => { one.value = 680; one.dispatchEvent(new Event("input")); });
  await until(() => document.querySelector("#strength .control").classList.contains("set"));
  expect(Number(await parameter("step")) > 0.02, `the strength is ${await parameter("step")}`);
  await page.click("[data-layer=activation_4]");
  await until(() => document.querySelector("#option-layers").value === "mixed0,activation_4");
  expect(await page.locator("#weights li").count() === 2, "no weight for the layer");
  await page.click("[data-layer=mixed7]", { force: true });
  await until(() => /beyond these weights/.test(document.querySelector("#notice p").textContent));
  await page.focus("[data-layer=activation]");
  await page.keyboard.press("ArrowRight");
  expect(await page.evaluate(() => document.activeElement.dataset.layer) === "activation_1", "arrow keys");
  await page.fill("#option-octaves", "99");
  await page.press("#option-octaves", "Enter");
  await page.waitForSelector("#option-octaves-error:visible");
  expect(/1 to 32/.test(await text("#option-octaves-error")), "the range is not said");
  await page.fill("#option-octaves", "3");
  await page.press("#option-octaves", "Enter");
  await page.waitForSelector("#option-octaves-error", { state: "hidden" });
}

async function stepping() {
  const place = () => text("#status");
  const before = await place();
  await page.click("#step");
  await until((old) => /Paused/.test(document.querySelector("#status").textContent)
    && document.querySelector("#status").textContent !== old, before);
  const after = await place();
  await page.click("#undo");
  await until((old) => document.querySelector("#status").textContent !== old, after);
  await page.click("#keep");
  await page.waitForSelector("#strip img:visible");
  await page.fill("#compare", "50");
  await page.waitForTimeout(300);
  await shot("wide");
  await page.click("#go");
  await until(() => /Dreaming/.test(document.querySelector("#status").textContent));
}

async function saving() {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#png")]);
  expect(download.suggestedFilename() === "photo.dream.png", `saved as ${download.suggestedFilename()}`);
  await download.saveAs(join(folder, "saved.png"));
  await page.click("#presets label:has-text('tf')");
  await page.waitForSelector("#notice:visible"); // these weights are too shallow for it
  await page.click("#weights li:last-child button");
  await until(() => document.querySelector("#option-layers").value === "mixed0");
  await page.setInputFiles("#file", join(folder, "saved.png"));
  await until(() => document.querySelector("#option-layers").value === "mixed0,activation_4");
  await until(() => /parameters are back/.test(document.querySelector("#notice p").textContent));
  await page.click("#command");
  await until(() => /reverie dream/.test(document.querySelector("#notice p").textContent));
  expect(/--layers mixed0,activation_4/.test(await text("#notice p")), await text("#notice p"));
}

async function elsewhere() {
  await page.emulateMedia({ colorScheme: "dark" });
  await shot("dark");
  await page.setViewportSize({ width: 360, height: 740 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over <= 0, `on a phone it is ${over} pixels too wide`);
  await shot("narrow");
  const unnamed = await page.evaluate(() => {
    const named = (one) => one.textContent.trim() || one.alt || one.ariaLabel || one.labels?.length
      || one.querySelector("img[alt]");
    return [...document.querySelectorAll("button, input, select, a, img")]
      .filter((one) => !one.hidden && !named(one)).map((one) => one.outerHTML);
  });
  expect(unnamed.length === 0, `without a name: ${unnamed.join(" ")}`);
}

// The program out of reach, and back.
async function ending() {
  await page.reload();
  await page.waitForSelector("#transport:visible");
  await page.click("#restart");
  await browser.setOffline(true);
  await until(() => /does not answer/.test(document.querySelector("#notice p").textContent));
  await browser.setOffline(false);
  await until(() => /is back/.test(document.querySelector("#notice p").textContent));
}

try {
  for (const part of [beginning, watching, changing, stepping, saving, elsewhere, ending]) await part();
} catch (error) {
  expect(false, error.message);
  await shot("failed");
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
process.exit(failures ? 1 : 0);
