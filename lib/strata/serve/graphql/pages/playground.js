"use strict";
const at = (id) => document.getElementById(id);
const TYPES = "{ __schema { types { name kind description fields { name description type { name kind ofType { name kind ofType { name } } } } } } }";

async function send(query, variables) {
  at("answer").textContent = "…";
  try {
    const answer = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: "Bearer " + at("token").value.trim() },
      body: JSON.stringify({ query, variables }),
    });
    at("answer").textContent = JSON.stringify(await answer.json(), null, 2);
  } catch (error) {
    at("answer").textContent = String(error);
  }
}

function ask() {
  let variables;
  try {
    variables = JSON.parse(at("variables").value || "{}");
  } catch {
    at("answer").textContent = "The variables are no JSON.";
    return;
  }
  send(at("query").value, variables);
}

at("send").addEventListener("click", ask);
at("schema").addEventListener("click", () => send(TYPES, {}));
at("query").addEventListener("keydown", (event) => { if (event.ctrlKey && event.key === "Enter") ask(); });

// A link may bring the token behind its #, which no server sees; it leaves the address at once.
const brought = new URLSearchParams(location.hash.slice(1)).get("token");
if (brought) {
  history.replaceState(null, "", location.pathname);
  at("token").value = brought;
}
