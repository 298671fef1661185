// Starts Swagger UI with three additions: a filter of operations, a collapsed group of the gateway
// dialect, and server-sent events that are shown as they come. Swagger UI keeps no GUID after the
// page is closed, unless it is configured to.
"use strict";

const dialect = "Gateway dialect";
const eventStream = "/v1/agents/{agentId}/events";
const streamLimit = 100_000; // characters of a stream that the page keeps
let stopStream = () => {};

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  tryItOutEnabled: true,
  filter: true,
  validatorUrl: "none", // it is on another host
  plugins: [() => ({
    fn: { opsFilter: filterOperations },
    wrapComponents: { FilterContainer: withPlaceholder },
    statePlugins: { spec: { wrapActions: { clearResponse: stopThenClear } } },
  })],
  requestInterceptor: (request) => {
    if (/\/v1\/agents\/[^/]+\/events(\?|$)/.test(request.url)) request.userFetch = fetchStream;
    return request;
  },
  onComplete: () => {
    if (!location.hash) ui.layoutActions.show(["operations-tag", dialect], false);
    document.querySelector(".operation-filter-input").setAttribute("aria-label", "Filter operations");
  },
});

// filterOperations keeps the operations whose path or summary has every word of the phrase. Swagger
// UI itself filters groups only.
function filterOperations(groups, phrase) {
  const words = phrase.toLowerCase().split(/\s+/);
  const matches = (operation) => {
    const text = (operation.get("path") + " " + operation.getIn(["operation", "summary"])).toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return groups
    .map((group) => group.set("operations", group.get("operations").filter(matches)))
    .filter((group) => group.get("operations").size > 0);
}

// withPlaceholder names what the filter filters.
function withPlaceholder(Original, system) {
  return class extends system.React.Component {
    name() {
      document.querySelector(".operation-filter-input")?.setAttribute("placeholder", "Filter operations, such as: hold");
    }
    componentDidMount() { this.name(); }
    componentDidUpdate() { this.name(); }
    render() { return system.React.createElement(Original, this.props); }
  };
}

// fetchStream shows a response with every piece that arrives. Swagger UI shows a response after its
// end, which a stream of events reaches when the agent signs out.
async function fetchStream(url, request) {
  stopStream();
  const control = new AbortController();
  let cleared = false;
  stopStream = () => { cleared = true; control.abort(); };
  const response = await fetch(url, { ...request, signal: control.signal });
  if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return response;
  let text = "";
  try {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      text = (text + piece.value).slice(-streamLimit);
      ui.specActions.setResponse(eventStream, "get", {
        url, status: response.status, headers: Object.fromEntries(response.headers), text, data: text,
      });
    }
  } catch (error) {
    if (cleared) return new Promise(() => {}); // the page must not show the response again
    text += `\n(the stream has broken: ${error.message})`;
  }
  return new Response(text, response);
}

// stopThenClear ends the stream when its response is cleared.
function stopThenClear(clear) {
  return (path, method) => {
    if (path === eventStream) stopStream();
    return clear(path, method);
  };
}
