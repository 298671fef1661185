"""The JSON fronts, with http.client: REST and the gateway dialect."""
import contextlib
import http.client
import json
import os

MOST = 10  # seconds that an answer may take

ADDRESS = os.environ["AGENTCONF_HTTP"].removeprefix("http://")


def ask(connection, test):
    """Send the request unchanged: http.client neither normalises a path nor joins headers."""
    connection.putrequest(test["method"], test["path"], skip_accept_encoding=True)
    for name, value in test["headers"]:
        connection.putheader(name, value)
    body = test["body"].encode() if "body" in test else None
    if body is not None:
        connection.putheader("Content-Length", len(body))
    connection.endheaders(body)
    return connection.getresponse()


def call(test):
    connection = http.client.HTTPConnection(ADDRESS, timeout=test.get("cancel_after", MOST))
    with contextlib.closing(connection):
        try:
            answer = ask(connection, test)
        except TimeoutError:
            if "cancel_after" in test:
                return {}
            raise
        if "cancel_after" in test:
            raise RuntimeError(f"answered before it was given up: {answer.status}")
        reply = json.load(answer)
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return {"status": answer.status, "headers": headers, "reply": reply, **status(reply)}


def status(reply):
    """Parse a google.rpc.Status. Return nothing for any other reply."""
    if "details" not in reply:
        return {}
    details = {detail["@type"].rpartition(".")[2]: detail for detail in reply["details"]}
    info = details.get("ErrorInfo", {})
    bad = details.get("BadRequest", {}).get("fieldViolations", [])
    delay = details.get("RetryInfo", {}).get("retryDelay")
    return {
        "code": reply["code"],
        "error_info": {key: value for key, value in info.items() if key != "@type"},
        "violations": [violation["field"] for violation in bad],
        "retry_delay": float(delay.removesuffix("s")) if delay else None,
    }


class Watch:
    def __init__(self, step):
        self.connection = http.client.HTTPConnection(ADDRESS, timeout=MOST)
        self.answer = ask(self.connection, step)

    def next(self):
        if self.answer.status != 200:
            return status(json.load(self.answer))
        event, content, sequence = self.frame()
        if event == "ended":
            return status(content)
        if event == "message" and sequence != content["sequence"]:
            raise RuntimeError(f"id {sequence} of sequence {content['sequence']}")
        return {"event": event, "reply": content, "content": content}

    def frame(self):
        """Return the next server-sent event: its name, data and id."""
        fields = {}
        for line in self.answer:
            name, _, value = line.decode().strip().partition(": ")
            fields[name] = value
            if not name and "data" in fields:
                return fields.get("event", "message"), json.loads(fields["data"]), fields.get("id")
        raise EOFError("the stream ended without an event with the reason")

    def stop(self):
        self.connection.close()
        return {"code": 1}
