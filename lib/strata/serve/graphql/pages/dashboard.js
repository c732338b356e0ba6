"use strict";
const at = (id) => document.getElementById(id);
const TRENDS = "query Trends($category: ID) { publication { number publishedAt } categories { categoryId name } " +
  "salesTrends { periodStart currency orders units revenue } " +
  "bestSellers(categoryId: $category, first: 10) { currency units revenue product { name category { name } } } }";
const BEST = "query Best($category: ID) { bestSellers(categoryId: $category, first: 10) " +
  "{ currency units revenue product { name category { name } } } }";
const CUSTOMER = "query Customer($id: ID!, $after: String) { customer(customerId: $id) { country values { currency lifetimeValue orders } " +
  "orders(first: 10, after: $after) { nodes { orderId orderDate status currency revenue items { orderItemId } } " +
  "pageInfo { hasNextPage endCursor } } } }";
let next = null;

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

// Cells are text: nothing of the data is ever taken for HTML.
function fill(id, rows, keep) {
  const body = at(id).tBodies[0];
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

const money = (row) => `${row.revenue} ${row.currency}`;
const best = (rows) => fill("best", rows.map((r) => [r.product?.name, r.product?.category?.name, r.units, money(r)]));

async function show() {
  const data = await ask(TRENDS, { category: null });
  at("publication").textContent = data.publication ? `Publication ${data.publication.number}` : "Nothing is loaded yet.";
  const most = Math.max(1, ...data.salesTrends.map((row) => Number(row.revenue)));
  fill("trends", data.salesTrends.map((r) => [r.periodStart.slice(0, 7), r.orders, r.units, money(r), bar(Number(r.revenue), most)]));
  const select = at("category");
  while (select.options.length > 1) select.remove(1);
  for (const own of data.categories) select.add(new Option(own.name, own.categoryId));
  best(data.bestSellers);
}

async function find(after) {
  const { customer } = await ask(CUSTOMER, { id: at("customer").value.trim(), after });
  if (!customer) { fill("orders", []); at("value").textContent = "There is no such customer."; at("more").hidden = true; return; }
  const values = customer.values.map((v) => `${v.orders} orders, ${v.lifetimeValue} ${v.currency}`);
  at("value").textContent = [customer.country ?? "–", ...values].join(" · ");
  const { nodes, pageInfo } = customer.orders;
  fill("orders", nodes.map((o) => [o.orderId, o.orderDate, o.status, o.items.length, money(o)]), after);
  next = pageInfo.endCursor; at("more").hidden = !pageInfo.hasNextPage;
}

const told = (work) => () => work().catch((error) => { at("problem").textContent = error.message; });
at("load").addEventListener("click", told(show));
at("find").addEventListener("click", told(() => find(null)));
at("more").addEventListener("click", told(() => find(next)));
at("category").addEventListener("change", told(async () => best((await ask(BEST, { category: at("category").value || null })).bestSellers)));
