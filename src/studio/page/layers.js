// The drawing of the network: bars as high as what flows through them is wide and high, from the stem
// to mixed10. A bar is switched on or off; what is on has a weight below.
import { element } from "./controls.js";

const space = "http://www.w3.org/2000/svg";

function shape(tag, attributes, ...children) {
  const made = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// "mixed3,mixed5=0.5,mixed4:77" as [{ key: "mixed4:77", weight: "1" }, ...]
export function parseLayers(text) {
  return text.split(",").filter(Boolean).map((part) => {
    const [key, weight] = part.trim().split("=");
    return { key, weight: weight ?? "1" };
  });
}

export function joinLayers(entries) {
  return entries.map(({ key, weight }) => (Number(weight) === 1 ? key : `${key}=${weight}`)).join(",");
}

function place(layers) {
  let x = 4;
  return layers.map((layer) => {
    const width = layer.is_block ? 17 : 9;
    const height = 118 - 21 * Math.log2(layer.stride);
    const at = { x, width, height };
    x += width + (layer.is_block ? 7 : 5);
    return at;
  });
}

export class LayerPicker {
  // `change(text)` is called with the new list.
  constructor(about, { drawing, tiles, list }, change) {
    this.layers = about.layers;
    this.list = list;
    this.change = change;
    this.entries = [];
    this.bars = new Map();
    this.pictures = new Map();
    this.draw(drawing, about.depth);
    this.tiles(tiles);
  }

  // Small pictures of what the layers dream, below the drawing: the same switches for a pointer.
  tiles(place) {
    place.append(...this.layers.map((layer) => {
      const image = element("img", { alt: "", draggable: "false", hidden: true });
      const short = layer.name.replace("activation", "act").replace("max_pooling2d", "pool");
      const tile = element("button", { type: "button", tabindex: "-1", class: layer.reached ? "tile"
        : "tile beyond", title: layer.reached ? layer.name : `${layer.name}: beyond these weights`,
      "data-tile": layer.name, onclick: () => this.toggle(layer) }, image,
      element("span", {}, short));
      this.pictures.set(layer.name, { tile, image });
      return tile;
    }));
  }

  showPictures(made) {
    for (const name of made) {
      const { image } = this.pictures.get(name) ?? {};
      if (!image?.hidden) continue;
      image.src = `/api/layer?name=${name}`;
      image.hidden = false;
    }
  }

  draw(drawing, depth) {
    const places = place(this.layers);
    const last = places[places.length - 1];
    const width = last.x + last.width + 4;
    const svg = shape("svg", { viewBox: `0 0 ${width} 128`, role: "group",
      "aria-label": `The network from the stem to mixed10; these weights reach ${depth}` });
    svg.append(shape("line", { class: "wire", x1: 2, x2: width - 2, y1: 56, y2: 56 }));
    this.layers.forEach((layer, i) => svg.append(this.bar(layer, places[i], i === 0)));
    const stem = this.layers.filter((layer) => !layer.is_block).length;
    svg.append(shape("text", { x: places[stem - 1].x / 2 + 8, y: 126 }, "stem"));
    svg.addEventListener("keydown", (event) => this.key(event));
    drawing.append(svg);
  }

  bar(layer, { x, width, height }, first) {
    const name = layer.torchvision ? `${layer.name} (${layer.torchvision})` : layer.name;
    const about = `${name}: ${layer.channels} channels, one position every ${layer.stride} pixels`;
    const bar = shape("g", { role: "checkbox", tabindex: first ? 0 : -1, "aria-checked": "false",
      "aria-label": layer.reached ? layer.name : `${layer.name}, beyond these weights`,
      "aria-disabled": String(!layer.reached), "data-layer": layer.name },
    shape("title", {}, layer.reached ? about
      : `${about}. Beyond these weights: import the full ones (reverie help weights import).`),
    shape("rect", { x: x - 2, y: 0, width: width + 4, height: 118, fill: "transparent" }),
    shape("rect", { class: "bar", x, y: 56 - height / 2, width, height, rx: 3 }),
    shape("rect", { class: "focus", x: x - 2.5, y: 53.5 - height / 2, width: width + 5,
      height: height + 5, rx: 5 }));
    if (layer.is_block) {
      bar.append(shape("text", { x: x + width / 2, y: 126 }, layer.name.replace("mixed", "")));
    }
    bar.addEventListener("click", () => this.toggle(layer));
    this.bars.set(layer.name, bar);
    return bar;
  }

  key(event) {
    const bars = [...this.bars.values()];
    const at = bars.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: bars.length - 1 }[event.key];
    if (at < 0) return;
    if (event.key === " " || event.key === "Enter") this.toggle(this.layers[at]);
    else if (to === undefined) return;
    else if (bars[to]) {
      bars[at].setAttribute("tabindex", -1);
      bars[to].setAttribute("tabindex", 0);
      bars[to].focus();
    }
    event.preventDefault();
    event.stopPropagation();
  }

  toggle(layer) {
    if (!layer.reached) {
      this.refused?.(`${layer.name} is beyond these weights: import the full ones with ` +
        "“reverie weights import”.");
      return;
    }
    const on = this.entries.some(({ key }) => key === layer.name);
    if (on && this.entries.length === 1) {
      this.refused?.("At least one layer must be on.");
      return;
    }
    this.send(on ? this.entries.filter(({ key }) => key !== layer.name)
      : [...this.entries, { key: layer.name, weight: "1" }]);
  }

  send(entries) {
    this.show(joinLayers(entries), true);
    this.change(joinLayers(entries));
  }

  // Shows a list. What is being dragged is left alone.
  show(text, mine = false) {
    if (text === this.shown || (!mine && this.list.contains(document.activeElement))) return;
    this.shown = text;
    this.entries = parseLayers(text);
    const on = new Set(this.entries.map(({ key }) => key.split(":")[0]));
    for (const [name, bar] of this.bars) {
      bar.setAttribute("aria-checked", String(on.has(name)));
      this.pictures.get(name).tile.classList.toggle("on", on.has(name));
    }
    const rows = this.entries.map((entry) => this.row(entry));
    if (!mine || rows.length !== this.list.children.length) this.list.replaceChildren(...rows);
  }

  row(entry) {
    const output = element("output", {}, Number(entry.weight).toFixed(2));
    const slider = element("input", { type: "range", min: -1, max: 3, step: 0.05,
      value: entry.weight, "aria-label": `Weight of ${entry.key}`, oninput: () => {
        output.textContent = Number(slider.value).toFixed(2);
        this.send(this.entries.map((other) => (other.key === entry.key
          ? { key: entry.key, weight: slider.value } : other)));
      } });
    return element("li", {}, element("span", {}, entry.key), slider, output,
      element("button", { type: "button", "aria-label": `Switch ${entry.key} off`,
        disabled: this.entries.length === 1, onclick: () =>
          this.send(this.entries.filter(({ key }) => key !== entry.key)) }, "×"));
  }
}
