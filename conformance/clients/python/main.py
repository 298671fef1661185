"""Runs every test of AGENTCONF_CASES and prints one line for each."""
import importlib
import json
import os

front = importlib.import_module("over_grpc" if os.environ["AGENTCONF_FRONT"] == "grpc" else "over_http")


def main():
    with open(os.environ["AGENTCONF_CASES"], encoding="utf-8") as file:
        tests = json.load(file)
    for test in tests:
        try:
            faults = run(test)
        except Exception as fault:  # it is of this test, whatever it is
            faults = [repr(fault)]
        text = "; ".join(faults).replace("\n", " ")
        print(f"not ok {test['name']}: {text}" if faults else f"ok {test['name']}", flush=True)


def run(test):
    if "steps" in test:
        return Scenario().play(test["steps"])
    return compare(test["want"], front.call(test))


def compare(want, got):
    """Return the differences between want and got. Keys that want lacks are not compared."""
    faults = []
    for key, wanted in want.items():
        found = got.get("reply") if key in ("has", "message_names") else got.get(key)
        if not COMPARISONS.get(key, matches)(found, wanted):
            faults.append(f"{key} should be {json.dumps(wanted)}, got {json.dumps(found)}")
    return faults


def matches(got, want, more=False):
    """Report whether got equals want. With more, objects in got may have more keys."""
    if isinstance(want, dict):
        return isinstance(got, dict) and (more or got.keys() == want.keys()) and all(
            key in got and matches(got[key], want[key], more) for key in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(matches, got, want))
    return got == want and isinstance(got, bool) == isinstance(want, bool)  # to Python, True == 1


COMPARISONS = {
    "has": lambda got, want: matches(got, want, more=True),
    "message_names": lambda got, want: all(name in got["message"] for name in want),
    "headers": lambda got, want: all(got.get(name.lower()) == value for name, value in want.items()),
}


class Scenario:
    """Plays steps. The method of a kind of step returns the differences."""

    def __init__(self):
        self.guid = self.sequence = ""
        self.watching = None

    def play(self, steps):
        """Stop at the first failed step."""
        for number, written in enumerate(steps):
            text = json.dumps(written).replace("$GUID", self.guid).replace("$SEQUENCE", self.sequence)
            [(kind, step)] = json.loads(text).items()
            faults = getattr(self, kind)(step)
            if faults:
                return [f"step {number}, {kind}", *faults]
        return []

    def call(self, step):
        got = front.call(step)
        self.learn_guid(got.get("reply", {}))
        return compare(step["want"], got)

    def watch(self, step):
        self.watching = front.Watch(step)

    def next(self, want):
        got = self.watching.next()
        if "reply" not in got:
            return [f"the watch ended: {got}"]
        content = got["content"]
        self.learn_guid(content)
        return compare(want, got) + self.learn_sequence(content)

    def stop(self, _):
        return compare({"code": 1}, self.watching.stop())

    def end(self, want):
        got = self.watching.next()
        return compare(want, {"code": got.get("code"), "reply": got.get("error_info")})

    def learn_guid(self, message):
        self.guid = message.get("guid") or message.get("result", {}).get("guid") or self.guid

    def learn_sequence(self, message):
        last = self.sequence
        self.sequence = message.get("lastSequence") or message.get("sequence") or last
        if "sequence" in message and int(message["sequence"]) != int(last) + 1:
            return [f"sequence {message['sequence']} after {last}"]
        return []


main()
