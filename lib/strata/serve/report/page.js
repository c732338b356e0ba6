"use strict";
// Draws each figure into the element of its name, as wide as that is.
const figures = JSON.parse(document.getElementById("figures").textContent);
const options = { responsive: true, displayModeBar: false, staticPlot: false };
const waiting = [];
for (const [name, figure] of Object.entries(figures)) {
  const place = document.getElementById(name);
  if (!place) continue;
  place.style.minHeight = figure.layout.height + "px";
  waiting.push([place, figure]);
}
// A long page shows its first charts at once; the others are drawn when they come near.
const draw = (place, figure) =>
  Plotly.newPlot(place, figure.data, figure.layout, options).then(() => place.classList.add("drawn"));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    draw(entry.target, figures[entry.target.id]);
  }
}, { rootMargin: "600px" });
for (const [place] of waiting) seen.observe(place);
// Paper has no scrolling.
window.addEventListener("beforeprint", () => {
  for (const [place, figure] of waiting) if (!place.classList.contains("drawn")) draw(place, figure);
});
