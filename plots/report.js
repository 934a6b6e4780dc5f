// SPDX-License-Identifier: MIT
// What the page does beyond showing: sort, filter, hide lines, keep its state in the hash. All is readable without it.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const query = $("#q"), family = $("#family"), threads = $("#threads");

  // --- the tables: of measured cells and of simulated ones, filtered by the same words, each sorted on its own ---------
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true}));
  const tables = $$("table.data").map(table => {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    rows.forEach((row, i) => {
      row.order = i;
      row.words = row.textContent.toLowerCase();
    });
    const value = (row, column) => {
      const cell = row.cells[column];
      if (!heads[column].classList.contains("n")) return cell.textContent.trim();
      const number = parseFloat(cell.dataset.v ?? cell.textContent);
      return Number.isNaN(number) ? null : number;
    };
    const one = {rows, heads, sorted: null, key: table.id === "table" ? "sort" : `sort-${table.id}`};
    one.sort = (column, down) => {
      one.sorted = column === null ? null : {column, down};
      heads.forEach((head, i) => {
        if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      const keyed = rows.map(row => [column === null ? row.order : value(row, column), row]);
      keyed.sort(([a, x], [b, y]) => {
        if (a === null || b === null) return (a === null) - (b === null) || x.order - y.order;  // no number: always last
        return (down ? -compare(a, b) : compare(a, b)) || x.order - y.order;
      });
      body.append(...keyed.map(([, row]) => row));
    };
    heads.forEach((head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("n");  // numbers: the largest first
        if (!one.sorted || one.sorted.column !== i) one.sort(i, first);
        else if (one.sorted.down === first) one.sort(i, !first);
        else one.sort(null, false);
        save();
      });
    });
    return one;
  });
  const cells = tables.flatMap(one => one.rows);
  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of cells) {
      const fits = (!family.value || row.cells[0].textContent.split(" · ")[0] === family.value) &&
                   (!threads.value || row.cells[4].textContent === threads.value) &&
                   words.every(word => row.words.includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    $("#count").textContent = `${shown} of ${cells.length} cells`;
  };
  $(".filter").hidden = false;
  $(".filter").addEventListener("submit", event => event.preventDefault());
  for (const control of [query, family, threads]) control.addEventListener("input", () => (filter(), save()));

  // --- the plots -----------------------------------------------------------------------------------------------
  for (const section of $$(".family")) {
    for (const entry of $$(".entry", section)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "entry";
      button.title = `${entry.title}${entry.title ? " – " : ""}click to hide or show`;
      button.setAttribute("aria-pressed", "true");
      button.append(...entry.childNodes);
      entry.replaceWith(button);
      const i = entry.dataset.i;
      button.addEventListener("click", () => {
        const hidden = section.classList.toggle(`hide-${i}`);
        button.setAttribute("aria-pressed", String(!hidden));
        section.classList.toggle(`focus-${i}`, false);
      });
      for (const [on, off] of [["mouseenter", "mouseleave"], ["focus", "blur"]]) {
        button.addEventListener(on, () => {
          const shown = button.getAttribute("aria-pressed") === "true";
          section.classList.toggle(`focus-${i}`, shown && (on !== "focus" || button.matches(":focus-visible")));
        });
        button.addEventListener(off, () => section.classList.remove(`focus-${i}`));
      }
    }
  }
  // Axis, events, simulated counts: chosen for all families alike; a family that lacks it keeps its own first choice.
  const groups = ["y", "e", "s"].map(key => {
    const inputs = $$(`.family > input[name^="${key}-"]`), first = inputs.filter(input => input.checked);
    const set = name => {
      first.forEach(input => (input.checked = true));
      inputs.forEach(input => (input.checked = input.checked || input.value === name));
    };
    inputs.forEach(input => input.addEventListener("change", () => {
      const top = input.parentElement.getBoundingClientRect().top;
      set(input.value);  // stay where we are although the heights above may change
      scrollBy(0, input.parentElement.getBoundingClientRect().top - top);
      save();
    }));
    return {key, inputs, first, set};
  });

  // --- the hash: #place?key=value&… ------------------------------------------------------------------------------
  const state = () => {
    const found = new URLSearchParams();
    if (query.value) found.set("q", query.value);
    if (family.value) found.set("family", family.value);
    if (threads.value) found.set("threads", threads.value);
    for (const {key, sorted} of tables) if (sorted) found.set(key, `${sorted.column}${sorted.down ? "d" : "u"}`);
    for (const {key, inputs, first} of groups) {
      const chosen = inputs.find(input => input.checked && !first.includes(input));
      if (chosen) found.set(key, chosen.value);
    }
    return found.toString();
  };
  const place = () => decodeURIComponent(location.hash.slice(1).split("?")[0]);
  const save = () => {
    const now = state(), where = place() || (now ? "cells" : "");
    history.replaceState(null, "", where || now ? `#${where}${now ? "?" + now : ""}` : location.pathname);
  };
  const restore = () => {
    const text = location.hash.split("?")[1];
    if (text === undefined) return;
    const wanted = new URLSearchParams(text);
    query.value = wanted.get("q") ?? "";
    family.value = wanted.get("family") ?? "";
    threads.value = wanted.get("threads") ?? "";
    for (const {key, heads, sort} of tables) {
      const order = /^(\d+)([du])$/.exec(wanted.get(key) ?? "");
      if (order && +order[1] < heads.length) sort(+order[1], order[2] === "d");
    }
    for (const {key, set} of groups) set(wanted.get(key));
    document.getElementById(place())?.scrollIntoView();
  };
  restore();
  filter();
  addEventListener("hashchange", () => (restore(), filter()));

  // --- plain files where the browser can unpack; the links themselves hold them packed -----------------------------
  for (const [id, type] of [["json", "application/json"], ["csv", "text/csv"]]) {
    const packed = $("#" + id);
    packed.addEventListener("click", async event => {
      if (typeof DecompressionStream === "undefined") return;
      event.preventDefault();
      const bytes = Uint8Array.from(atob(packed.href.split(",")[1]), c => c.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([await new Response(stream).blob()], {type}));
      link.download = packed.download.replace(/\.gz$/, "");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    });
  }
})();
