"use strict";
const at = (id) => document.getElementById(id);
const BEST = "bestSellers(categoryId: $category, currency: $currency, first: 10) { currency units revenue product { name category { name } } }";
const SHOP = "{ publication { number publishedAt } categories { categoryId name } " +
  "salesTrends { periodStart currency orders units revenue revenueChange } }";
const SELLERS = "query Sellers($category: ID, $currency: String) { " + BEST + " }";
const CUSTOMER = "query Customer($id: ID!, $after: String) { customer(customerId: $id) { country values { currency lifetimeValue orders } " +
  "orders(first: 10, after: $after) { nodes { orderId orderDate status currency revenue items { orderItemId } } " +
  "pageInfo { hasNextPage endCursor } } } }";
let next = null, trends = [];

async function ask(query, variables) {
  at("problem").textContent = "";
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: "Bearer " + at("token").value.trim() },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}

// Amounts are text and stay so: only commas are put in.
const grouped = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");
const money = (row) => `${grouped(row.revenue)} ${row.currency}`;
const month = (row) => row.periodStart.slice(0, 7);
const own = () => trends.filter((row) => row.currency === at("currency").value);

// Cells are text: nothing of the data is ever taken for HTML.
function fill(id, rows, keep) {
  const body = at(id).tBodies[0];
  at(id).hidden = false;
  if (!keep) body.replaceChildren();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      if (value instanceof Node) cell.append(value); else cell.textContent = value ?? "–";
    }
  }
}

function bar(value, most) {
  const meter = document.createElement("meter");
  meter.max = most; meter.value = Math.max(0, value);
  return meter;
}

function shape(kind, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function draw(rows) {
  const chart = at("chart"), high = 180, wide = 720, most = Math.max(1, ...rows.map((row) => Number(row.revenue)));
  chart.setAttribute("viewBox", `0 0 ${wide} ${high + 28}`);
  const step = wide / Math.max(rows.length, 1), every = Math.ceil(rows.length / 12);
  chart.replaceChildren(...rows.flatMap((row, n) => {
    const size = Math.max(0, Number(row.revenue)) / most * (high - 20);
    const column = shape("rect", { x: n * step + step * 0.15, y: high - size, width: step * 0.7, height: size, rx: 2 });
    column.append(shape("title", {}, `${month(row)}: ${money(row)}, ${grouped(row.orders)} orders`));
    const label = shape("text", { x: (n + 0.5) * step, y: high + 22, "text-anchor": "middle" }, month(row).slice(2));
    return n % every ? [column] : [column, label];
  }));
}

function tile(name, value, more) {
  const made = document.createElement("div");
  for (const [kind, text] of [["dt", name], ["dd", value], ["small", more]]) {
    const part = document.createElement(kind);
    part.textContent = text;
    made.append(part);
  }
  return made;
}

function showTrends() {
  const rows = own(), last = rows.at(-1);
  draw(rows);
  fill("trends", rows.map((r) => [month(r), grouped(r.orders), grouped(r.units), money(r),
    r.revenueChange === null ? null : (r.revenueChange.startsWith("-") ? "−" : "+") + grouped(r.revenueChange.replace("-", ""))]).reverse());
  if (!last) { at("tiles").replaceChildren(); return; }
  const each = last.orders ? (Number(last.revenue) / last.orders).toFixed(2) : "–";
  at("tiles").replaceChildren(
    tile("Revenue", money(last), `in ${month(last)}`), tile("Orders", grouped(last.orders), `in ${month(last)}`),
    tile("Units", grouped(last.units), `in ${month(last)}`), tile("An order", `${grouped(each)} ${last.currency}`, "on average"));
}

async function showBest() {
  const { bestSellers } = await ask(SELLERS, { category: at("category").value || null, currency: at("currency").value || null });
  const most = Math.max(1, ...bestSellers.map((row) => Number(row.revenue)));
  fill("best", bestSellers.map((r) => [r.product?.name, r.product?.category?.name, grouped(r.units), money(r), bar(Number(r.revenue), most)]));
}

function choose(select, options) {
  select.replaceChildren(...options.map(([name, value]) => new Option(name, value)));
}

async function show() {
  const data = await ask(SHOP, {});
  at("shop").hidden = false;
  at("login").hidden = true;
  at("publication").textContent = data.publication ? `Publication ${data.publication.number}` : "Nothing is loaded yet.";
  at("published").textContent = data.publication?.publishedAt ? `of ${data.publication.publishedAt.slice(0, 16).replace("T", " ")} UTC` : "";
  trends = data.salesTrends;
  const currencies = [...new Set(trends.map((row) => row.currency))];
  choose(at("currency"), currencies.map((name) => [name, name]));
  at("currencies").hidden = currencies.length < 2;
  choose(at("category"), [["All", ""], ...data.categories.map((one) => [one.name, one.categoryId])]);
  showTrends();
  await showBest();
}

async function find(after) {
  const { customer } = await ask(CUSTOMER, { id: at("customer").value.trim(), after });
  if (!customer) { at("orders").hidden = at("more").hidden = true; at("value").textContent = "There is no such customer."; return; }
  const values = customer.values.map((v) => `${grouped(v.orders)} orders that count, ${grouped(v.lifetimeValue)} ${v.currency}`);
  at("value").textContent = [customer.country ?? "country unknown", ...values].join(" · ");
  const { nodes, pageInfo } = customer.orders;
  fill("orders", nodes.map((o) => [o.orderId, o.orderDate, o.status, o.items.length, money(o)]), after);
  next = pageInfo.endCursor; at("more").hidden = !pageInfo.hasNextPage;
}

function problem(error) {
  at("problem").textContent = error.message;
  // A token that is not known is asked for again.
  if (/token/.test(error.message)) at("login").hidden = false;
}

const told = (work) => (event) => { event?.preventDefault(); return work().catch(problem); };
at("login").addEventListener("submit", told(show));
at("look").addEventListener("submit", told(() => find(null)));
at("more").addEventListener("click", told(() => find(next)));
at("currency").addEventListener("change", told(async () => { showTrends(); await showBest(); }));
at("category").addEventListener("change", told(showBest));

// A link may bring the token behind its #, which no server sees; it leaves the address at once.
const brought = new URLSearchParams(location.hash.slice(1)).get("token");
if (brought) {
  history.replaceState(null, "", location.pathname);
  at("token").value = brought;
  told(show)();
}
