// What a browser made of a page: overlaps, overflow, contrast, plots. Evaluated in the page by test_browser.py.
(() => {
  const SLACK = 1;
  const boxes = new Map();
  const box = (element) => {
    if (!boxes.has(element)) boxes.set(element, element.getBoundingClientRect());
    return boxes.get(element);
  };
  const inline = new Map();
  const runsOn = (element) => {
    if (!inline.has(element)) inline.set(element, getComputedStyle(element).display === "inline");
    return inline.get(element);
  };
  const name = (element) => `${element.tagName}.${element.getAttribute("class") || ""} ${(element.textContent || "").trim().slice(0, 40)}`;
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && box(element).width > 0 && box(element).height > 0;
  const inSvg = (element) => element.closest("svg") !== null;
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > SLACK;

  const everything = [...document.body.querySelectorAll("*")].filter((element) => !inSvg(element.parentElement) && shown(element));
  // Points lie where their figures are, and may lie on each other; the names of ticks may not.
  const blocks = everything.filter((element) => !element.matches(".dot, .symbols, br"));
  const overlaps = [];
  const children = new Map();
  for (const element of blocks) {
    const among = children.get(element.parentElement) || [];
    for (const other of among) {
      // Lines of running text share boxes.
      if (meet(box(element), box(other)) && !runsOn(element) && !runsOn(other)) overlaps.push(`${name(other)} | ${name(element)}`);
    }
    among.push(element);
    children.set(element.parentElement, among);
  }
  const ticks = [...document.querySelectorAll(".axes")].filter(shown);
  for (const axes of ticks) {
    const names = [...axes.querySelectorAll(".x span, .y span")];
    names.forEach((one, k) => names.slice(k + 1).forEach((other) => {
      if (meet(box(one), box(other))) overlaps.push(`tick ${one.textContent} | ${other.textContent}`);
    }));
  }

  const room = document.documentElement.clientWidth;
  const scrolled = (element) => element.closest(".scroll, pre") !== null;
  const outside = everything
    .filter((element) => !scrolled(element) && (box(element).right > room + SLACK || box(element).left < -SLACK))
    .map(name);

  const parse = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let texts = 0;
  let smallest = Infinity;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || inSvg(element) || !shown(element)) continue;
    const style = getComputedStyle(element);
    const [high, low] = [light(parse(style.color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    texts += 1;
    smallest = Math.min(smallest, parseFloat(style.fontSize));
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${name(element)}`);
  }

  const drawn = (mark) => {
    const style = getComputedStyle(mark);
    const painted = (style.fill !== "none" && style.fillOpacity !== "0") || style.stroke !== "none";
    return painted && Math.max(box(mark).width, box(mark).height) > 0.5;
  };
  const plots = [...document.querySelectorAll(".area, .track")].filter(shown).map((area) => {
    const marks = [...area.querySelectorAll("path:not(.rules):not(.rule), rect, .dot")].filter(drawn).length;
    const images = [...area.querySelectorAll("img")].filter((image) => image.complete && image.naturalWidth > 0).length;
    const { left, top, right, bottom, width, height } = box(area);
    const said = area.getAttribute("aria-label") || area.querySelector("[aria-label], img").getAttribute("aria-label") || "heat map";
    return { name: said, marks: marks + images, width, height, left, right, top: top + scrollY, bottom: bottom + scrollY };
  });

  return { width: document.documentElement.scrollWidth, room, outside, overlaps, blocks: blocks.length, faint, texts, smallest, plots };
})()
