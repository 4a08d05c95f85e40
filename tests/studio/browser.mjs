// Drives the page: node browser.mjs MODULES CHROMIUM ADDRESS FOLDER [LOSING], the last the address of a
// studio whose device is lost.
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [modules, executablePath, address, folder, losing] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "node_modules", "x"))("playwright-core");
const profile = mkdtempSync(join(tmpdir(), "reverie-browser-"));
const browser = await chromium.launchPersistentContext(profile, { executablePath, args: ["--headless",
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${join(folder, "clip.y4m")}`], viewport: { width: 1280, height: 900 } });
const page = browser.pages()[0] ?? await browser.newPage();
const origins = [address, losing].filter(Boolean).map((one) => new URL(one).origin);
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
  const ours = origins.some((origin) => url.startsWith(`${origin}/`));
  if (!ours && !url.startsWith("blob:")) expect(false, `a request goes to ${url}`);
});

async function drop(name, bytes, place = "#frame") {
  const data = await page.evaluateHandle(([file, numbers]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(numbers)], file, { type: "image/png" }));
    return transfer;
  }, [name, bytes]);
  await page.dispatchEvent(place, "drop", { dataTransfer: data });
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
    const named = (one) => one.textContent.trim() || one.alt || one.getAttribute("alt") === "" || one.ariaLabel || one.labels?.length
      || one.querySelector("img[alt]");
    return [...document.querySelectorAll("button, input, select, a, img")]
      .filter((one) => !one.hidden && !named(one)).map((one) => one.outerHTML);
  });
  expect(unnamed.length === 0, `without a name: ${unnamed.join(" ")}`);
}

const bytesOf = (name) => [...readFileSync(join(folder, name))];
const state = () => page.evaluate(async () => (await fetch("/api/state")).json());

async function untilState(holds) {
  for (let i = 0; i < 150; i++) {
    if (holds(await state())) return;
    await page.waitForTimeout(200);
  }
  throw new Error(`the state does not come to ${holds}`);
}

// A photograph by drag and drop, and one from the clipboard.
async function bringing() {
  await drop("other.png", bytesOf("other.png"));
  await untilState(({ photo }) => photo.name === "other.png");
  await page.evaluate((numbers) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([new Uint8Array(numbers)], "pasted.png", { type: "image/png" }));
    // A ClipboardEvent made by a script loses its files.
    dispatchEvent(Object.assign(new Event("paste", { cancelable: true }), { clipboardData }));
  }, bytesOf("photo.png"));
  await untilState(({ photo }) => photo.name === "pasted.png");
  await until(() => /step [2-9]/.test(document.querySelector("#status").textContent));
}

// A slider back to an earlier step: what was shown then is shown, and from there it goes on.
async function goingBack() {
  await page.click("#restart");
  await page.waitForSelector("#step:enabled");
  await page.click("#step"); // and a pause, however far it is
  await until(() => /Paused.*step [1-9]/.test(document.querySelector("#status").textContent));
  await page.click("#step");
  await until(() => document.querySelector("#history").max > 0
    && document.querySelector("#history").value === document.querySelector("#history").max);
  await page.focus("#history");
  await page.keyboard.press("Home");
  await until(() => document.querySelector("#undo").disabled && document.querySelector("#history").value === "0");
  const first = await text("#history-place");
  expect(/size 1, step 1$/.test(first), `the first is ${first}`);
  await page.keyboard.press("End");
  await until(() => !document.querySelector("#undo").disabled);
  expect(await text("#history-place") !== first, "it does not go forth again");
  await page.focus("body");
}

// Slots come from the table; a guide is dropped there, and one that a recipe names is asked for.
async function steering() {
  const slots = await page.$$eval(".slot", (all) => all.map((one) => one.dataset.slot));
  expect(slots.join() === "mask,guide,style", `the slots are ${slots}`);
  await drop("guide.png", bytesOf("other.png"), "[data-slot=guide] .well");
  await page.waitForSelector("[data-slot=guide].filled img:visible");
  expect(/guide\.png · 96 × 128/.test(await text("[data-slot=guide] .small")), "the guide's name is not shown");
  expect((await state()).photo.name === "pasted.png", "a guide is dreamed on");
  await drop("text.txt", [...Buffer.from("no picture")], "[data-slot=style] .well");
  await page.waitForSelector("#notice.bad:visible");
  await page.click("#notice button");
  const { snapshot } = await state();
  await page.click("#step");
  await untilState((now) => now.snapshot > snapshot);
  await until((id) => !document.querySelector("#png").href.includes(`id=${id}&`), snapshot);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#png")]);
  await download.saveAs(join(folder, "guided.png"));
  await page.click("[data-slot=guide] button:has-text('remove')");
  await page.waitForSelector("[data-slot=guide]:not(.filled)");
  await page.setInputFiles("#recipe-file", join(folder, "guided.png"));
  await page.waitForSelector("[data-slot=guide].wanted");
  expect(/96 × 128 pixels.*give it again/.test(await text("[data-slot=guide] .small")), "it is not asked for");
  await page.click("[data-slot=guide] button:has-text('do without')");
  await page.waitForSelector("[data-slot=guide]:not(.wanted)");
  const groups = await page.$$eval("#groups summary", (all) => all.map((one) => one.firstChild.textContent));
  expect(groups.length >= 4, `the groups are ${groups}`);
  await page.click("#groups summary:has-text('Balance')");
  await page.fill("#option-blend", "0.5");
  await page.press("#option-blend", "Enter");
  const counts = (text) => until((wanted) => [...document.querySelectorAll("#groups summary")]
    .some((one) => one.textContent === wanted), text);
  await counts("Balance1 changed");
  await page.click("[aria-label=\"blend: back to the preset's value\"]");
  await counts("Balance");
}

// How much of the mask that the program has is white: 0..1.
const whiteness = () => page.evaluate(async () => {
  const response = await fetch("/api/slot?name=mask&whole=1");
  if (!response.ok) return -1;
  const bitmap = await createImageBitmap(await response.blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i] / 255;
  return sum / (data.length / 4);
});

async function untilWhite(low, high, what) {
  let white = -2;
  for (let i = 0; i < 60; i++) {
    white = await whiteness();
    if (white >= low && white <= high) return white;
    await page.waitForTimeout(200);
  }
  expect(false, `${what}: ${white} of the mask is white, not ${low} to ${high}`);
  return white;
}

async function stroke(points, pointerType) {
  const { x, y, width, height } = await page.locator("#mask").boundingBox();
  const places = points.map(([across, down]) => [x + across * width, y + down * height]);
  if (pointerType === "mouse") {
    await page.mouse.move(...places[0]);
    await page.mouse.down();
    for (const place of places.slice(1)) await page.mouse.move(...place, { steps: 8 });
    await page.mouse.up();
    return;
  }
  await page.evaluate(([all]) => {
    const canvas = document.querySelector("#mask");
    canvas.setPointerCapture = () => {}; // of a finger that is not there
    const send = (type, [clientX, clientY]) => canvas.dispatchEvent(new PointerEvent(type,
      { clientX, clientY, pointerId: 5, pointerType: "touch", bubbles: true, cancelable: true }));
    send("pointerdown", all[0]);
    all.slice(1).forEach((place) => send("pointermove", place));
    send("pointerup", all[all.length - 1]);
  }, [places]);
}

async function painting() {
  await page.click("#paint-mask");
  await page.waitForSelector("#mask:visible");
  await stroke([[0.2, 0.3], [0.6, 0.5]], "mouse");
  const first = await untilWhite(0.02, 0.4, "a stroke");
  await stroke([[0.7, 0.2], [0.8, 0.8]], "touch");
  await untilWhite(first + 0.008, 0.6, "a finger's stroke");
  await shot("brush");
  await page.click("#brush-invert");
  await untilWhite(0.4, 0.992 - first, "inverted");
  await page.click("#brush-undo");
  await untilWhite(first + 0.008, 0.6, "undone");
  await page.click("#brush-empty");
  await untilWhite(0, 0, "cleared");
  await page.focus("#mask");
  for (const key of ["ArrowLeft", "ArrowUp", "Space"]) await page.keyboard.press(key);
  const dab = await untilWhite(0.005, 0.3, "a dab by the keyboard");
  for (const key of ["x", "Space"]) await page.keyboard.press(key);
  await untilWhite(0, dab / 2, "taken away by the keyboard");
  await page.click("#brush-fill");
  await untilWhite(1, 1, "filled");
  await page.focus("#mask");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#mask", { state: "hidden" });
  await page.waitForSelector("[data-slot=mask].filled img:visible");
  await page.click("[data-slot=mask] button:has-text('remove')");
  await page.waitForSelector("[data-slot=mask]:not(.filled)");
}

// The layers' pictures: made while it rests, one for each that the weights reach.
async function portraits() {
  await until(() => document.querySelectorAll("#tiles .tile:not(.beyond)").length
    === document.querySelectorAll("#tiles .tile:not(.beyond) img:not([hidden])").length);
  expect(await page.locator("#tiles .beyond").count() >= 10, "none are beyond the weights");
  const loaded = await page.$$eval("#tiles img:not([hidden])", (all) =>
    all.every((one) => !one.complete || one.naturalWidth >= 75));
  expect(loaded, "a layer's picture is broken");
}

async function filming() {
  await page.click("#open-camera");
  await page.waitForSelector("#camera-take:visible");
  await until(() => document.querySelector("#video").videoWidth > 0);
  await shot("camera");
  await page.selectOption("#camera-size", "160");
  await page.click("#camera-live");
  await page.waitForSelector("#live:visible");
  await until(() => /dreamed on/.test(document.querySelector("#live-figures").textContent));
  await page.click("#camera-bar summary");
  await page.fill("#live-steps", "2");
  await page.press("#live-steps", "Enter");
  await until(() => /2 a frame/.test(document.querySelector("#live-figures").textContent));
  await page.fill("#option-layers", "mixed0,activation_4=0.5");
  await page.press("#option-layers", "Enter");
  await page.waitForTimeout(1500);
  const seen = await page.evaluate(() => {
    const live = document.querySelector("#live"), video = document.querySelector("#video");
    const pixels = (source) => {
      const canvas = new OffscreenCanvas(80, 60);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(source, 0, 0, 80, 60);
      return context.getImageData(0, 0, 80, 60).data;
    };
    const [dream, frame] = [pixels(live), pixels(video)];
    let sum = 0;
    for (let i = 0; i < dream.length; i++) sum += Math.abs(dream[i] - frame[i]);
    return { apart: sum / dream.length, live: document.querySelector("#live-figures").innerText };
  });
  expect(seen.apart > 2, `the dream is the frame: ${seen.apart}`);
  console.log(seen.live.replaceAll("\n", " · "));
  await shot("live");
  expect((await state()).live, "it is not told");
  await page.click("#camera-live");
  await untilState(({ live }) => !live);
  await page.click("#camera-take");
  await untilState(({ photo }) => photo.name === "camera.png");
  await page.waitForSelector("#camera-bar", { state: "hidden" });
  expect(await page.evaluate(() => !document.querySelector("#video").srcObject), "the camera stays on");
}

// From the address bar to a saved picture without a pointer.
async function byKeyboard() {
  await page.waitForSelector("#png[href]");
  await page.evaluate(() => document.activeElement?.blur());
  const reached = new Set();
  for (let i = 0; i < 120; i++) {
    await page.keyboard.press("Tab");
    const now = await page.evaluate(() => {
      const one = document.activeElement;
      const { outlineStyle, boxShadow } = getComputedStyle(one);
      if (one === document.body) return ["", true]; // on the browser's own
      const ring = one.closest("svg, .choice, #presets") || outlineStyle !== "none" || boxShadow !== "none";
      return [one.id || one.dataset?.layer || one.getAttribute("aria-label") || one.textContent.trim(), Boolean(ring)];
    });
    reached.add(now[0]);
    expect(now[1], `nothing shows that ${now[0]} has the focus`);
  }
  for (const id of ["choose", "open-camera", "sample", "compare", "go", "step", "restart", "png", "option-step",
    "paint-mask", "option-seed", "command"])
    expect(reached.has(id), `the keyboard does not reach ${id}`);
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

// A device that is lost: said, and what was dreamed goes on.
async function losingIt() {
  if (!losing) return;
  await page.goto(losing);
  await page.waitForSelector("#option-step");
  await page.setInputFiles("#file", join(folder, "photo.png"));
  await until(() => /gave the device up/.test(document.querySelector("#notice p").textContent));
  await until(() => /Paused/.test(document.querySelector("#status").textContent));
  await shot("lost");
  await page.click("#go");
  await until(() => /Finished/.test(document.querySelector("#status").textContent));
  expect(await page.isHidden("#notice"), "the message stays");
}

try {
  for (const part of [beginning, watching, changing, stepping, saving, bringing, goingBack, steering, painting,
    portraits, filming, byKeyboard, elsewhere, ending, losingIt]) {
    console.log(`${(performance.now() / 1000).toFixed(1)} s: ${part.name}`);
    await part();
  }
} catch (error) {
  expect(false, error.message);
  await shot("failed");
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
process.exit(failures ? 1 : 0);
