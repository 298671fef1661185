// Code that runs in the page. It uses fetch and nothing outside a browser's API.

// open makes a request. It returns the response, whose text is read in parts, or the reason why a page
// cannot make the request.
export async function open({ url, method, headers, body, seconds }) {
  const giveUp = new AbortController();
  if (seconds) setTimeout(() => giveUp.abort(), seconds * 1000);
  let request;
  try {
    request = new Request(url, { method, headers, body, signal: giveUp.signal });
  } catch (error) {
    return { cannot: error.message };
  }
  if (request.url !== url) return { cannot: `fetch tidies the URL to ${request.url}` };
  const other = headers.find(([name, value]) => request.headers.get(name) !== value);
  if (other) return { cannot: `fetch sends another ${other[0]}: ${request.headers.get(other[0])}` };
  try {
    const answer = await fetch(request);
    const parts = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    return { status: answer.status, headers: Object.fromEntries(answer.headers), parts, giveUp };
  } catch (error) {
    if (giveUp.signal.aborted) return { gaveUp: true };
    throw error;
  }
}

// next returns the next part of the text, or undefined at the end.
export async function next({ parts }) {
  return (await parts.read()).value;
}
