// The map of a page: the tenant's vector tiles below, the features of the page above, tied to the rows of its table.
// Without this script, or without WebGL, the drawing that stands in the figure stays.

const FOUND = "#0b5fa5", CHOSEN = "#c2410c";
const figure = document.querySelector(".map-figure");
if (figure && document.createElement("canvas").getContext("webgl2")) {
  start(figure.dataset).catch((error) => { console.warn(error); figure.classList.add("failed"); });
} else {
  figure?.classList.add("failed");
}

async function start(data) {
  const [library, places] = await Promise.all([import(data.library), data.places ? features(data.places) : []]);
  const texts = JSON.parse(data.texts);
  const box = places.length ? bounds(places) : data.bbox?.split(",").map(Number);
  const canvas = document.createElement("div");
  canvas.className = "map-canvas";
  figure.prepend(canvas);
  const map = new library.Map({
    container: canvas,
    style: data.style,
    ...(box && { bounds: [box.slice(0, 2), box.slice(-2)], fitBoundsOptions: { padding: 48, maxZoom: 18 } }),
    maxPitch: 0, dragRotate: false, pitchWithRotate: false, touchPitch: false, rollEnabled: false,
    cooperativeGestures: true,
    attributionControl: { customAttribution: attribution(data, texts) },
    locale: texts,
    transformRequest: (url, type) => ({ url: reached(url, type, data.origin) }),
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new library.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new library.FullscreenControl(), "top-right");
  map.addControl(new library.ScaleControl({ maxWidth: 120 }), "bottom-left");
  await map.once("load");
  if (canvas.clientWidth < 640) canvas.querySelector(".maplibregl-ctrl-attrib")?.classList.remove("maplibregl-compact-show");
  figure.classList.add("drawn");
  figure.querySelector(":scope > svg")?.remove();
  if (data.layer) overview(map, data.layer);
  if (places.length) show(map, places);
  only(map, texts);
}

// Addresses in the style are those that the node publishes, in no language: this page may have come by another host.
function reached(address, type, origin) {
  const url = new URL(address, location.href);
  if (url.origin === origin) url.host = location.host, url.protocol = location.protocol;
  if (type === "Source") url.searchParams.set("lang", document.documentElement.lang);
  return url.href;
}

async function features(address) {
  const response = await fetch(address, { headers: { Accept: "application/geo+json" } });
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const content = await response.json();
  return (content.features ?? [content]).filter((feature) => feature.geometry)
    .map((feature, number) => ({ type: "Feature", id: number, geometry: feature.geometry, properties: { name: feature.id } }));
}

function bounds(places) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const look = (part) => {
    if (typeof part[0] === "number") {
      box[0] = Math.min(box[0], part[0]); box[1] = Math.min(box[1], part[1]);
      box[2] = Math.max(box[2], part[0]); box[3] = Math.max(box[3], part[1]);
    } else part.forEach(look);
  };
  const all = ({ geometries, coordinates }) => geometries ? geometries.forEach(all) : look(coordinates);
  places.forEach((feature) => all(feature.geometry));
  return box;
}

function attribution(data, texts) {
  const link = document.createElement("a");
  link.href = /^https?:/.test(data.licenceHref) ? data.licenceHref : "";
  link.rel = "license";
  link.textContent = data.licence;
  const text = document.createElement("span");
  text.append(`${texts.licence}: `, link);
  return text.innerHTML;
}

// Where the style does not draw a collection yet, what its tiles have of it in one colour.
function overview(map, layer) {
  const drawn = map.getStyle().layers.filter((each) => each["source-layer"] === layer);
  const first = Math.min(...drawn.map((each) => each.minzoom ?? 0));
  if (!(first > 0 && first < 24)) return;
  const of = { source: drawn[0].source, "source-layer": layer, maxzoom: first };
  map.addLayer({ ...of, id: "overview-line", type: "line", filter: ["!=", ["geometry-type"], "Point"],
    paint: { "line-color": FOUND, "line-width": 0.8, "line-opacity": 0.7 } });
  map.addLayer({ ...of, id: "overview-point", type: "circle", filter: ["==", ["geometry-type"], "Point"],
    paint: { "circle-color": FOUND, "circle-radius": 2.5, "circle-opacity": 0.7 } });
}

function show(map, places) {
  const chosen = (yes, no) => ["case", ["boolean", ["feature-state", "on"], false], yes, no];
  map.addSource("page", { type: "geojson", data: { type: "FeatureCollection", features: places } });
  map.addLayer({ id: "page-fill", type: "fill", source: "page", filter: ["==", ["geometry-type"], "Polygon"],
    paint: { "fill-color": chosen(CHOSEN, FOUND), "fill-opacity": chosen(0.35, 0.15) } });
  map.addLayer({ id: "page-line", type: "line", source: "page", filter: ["!=", ["geometry-type"], "Point"],
    layout: { "line-join": "round", "line-cap": "round" },
    paint: { "line-color": chosen(CHOSEN, FOUND), "line-width": chosen(4, 2) } });
  map.addLayer({ id: "page-point", type: "circle", source: "page", filter: ["==", ["geometry-type"], "Point"],
    paint: { "circle-color": chosen(CHOSEN, FOUND), "circle-radius": chosen(8, 5), "circle-stroke-color": "#fff", "circle-stroke-width": 1.5 } });
  tie(map, places);
}

// Rows and features: what is pointed at, or has the focus, in one stands out in the other.
function tie(map, places) {
  const rows = new Map([...document.querySelectorAll("tr[data-feature]")].map((row) => [row.dataset.feature, row]));
  const numbers = new Map(places.map((feature) => [feature.properties.name, feature.id]));
  if (!rows.size) return;
  let lit = null;
  const light = (name) => {
    if (name === lit) return;
    for (const [each, on] of [[lit, false], [name, true]]) {
      if (numbers.has(each)) map.setFeatureState({ source: "page", id: numbers.get(each) }, { on });
      rows.get(each)?.classList.toggle("lit", on);
    }
    lit = name;
  };
  for (const [name, row] of rows) {
    row.addEventListener("mouseenter", () => light(name));
    row.addEventListener("mouseleave", () => light(null));
    row.addEventListener("focusin", () => light(name));
    row.addEventListener("focusout", () => light(null));
    row.addEventListener("click", (event) => {
      if (event.target.closest("a") || String(getSelection()) || !numbers.has(name)) return;
      const box = bounds([places[numbers.get(name)]]);
      map.fitBounds([box.slice(0, 2), box.slice(2)], { padding: 80, maxZoom: 18 });
    });
  }
  const layers = ["page-point", "page-line", "page-fill"];
  const under = (event) => map.queryRenderedFeatures(event.point, { layers })[0]?.properties.name ?? null;
  map.on("mousemove", (event) => {
    const name = under(event);
    map.getCanvas().style.cursor = name === null ? "" : "pointer";
    light(name);
  });
  map.on("mouseout", () => light(null));
  map.on("click", (event) => {
    const name = under(event);
    rows.get(name)?.scrollIntoView({ block: "center" });
    rows.get(name)?.querySelector("a")?.focus({ preventScroll: true });
  });
}

// "Only what is on the map": the box of the view becomes the form's.
function only(map, texts) {
  const form = document.querySelector("form#search");
  if (!form) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "here";
  button.textContent = texts.here;
  button.addEventListener("click", () => {
    const box = map.getBounds();
    form.elements.bbox.value = [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()].map((n) => n.toFixed(6)).join(",");
    form.elements["bbox-crs"]?.remove();
    form.requestSubmit();
  });
  figure.querySelector("figcaption").append(" ", button);
}
